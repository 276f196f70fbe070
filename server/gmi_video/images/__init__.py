"""A local image becomes a public URL.

`upload` is the entry point, `files` reads from allowed folders only, `formats` recognises JPEG and PNG, `conversion`
makes PNG of other formats in a process of its own (`pillow_program`), `urls` accepts public URLs. May import: upstream,
and errors, settings, text.
"""
