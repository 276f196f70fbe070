"""A local image becomes a public URL.

`upload` is the entry point, `files` reads from allowed folders only, `formats` recognises JPEG and PNG, `urls` accepts
public URLs. May import: upstream, and errors, settings, text.
"""
