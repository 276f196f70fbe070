"""What an MCP host sees: tools, resources, prompts, tasks and the stdio process. The only importer of the SDK.

`front` answers a host before the SDK is loaded, `app` assembles the server, `tools` and `generate_video` are what an
assistant calls, `sdk` holds what reaches into SDK internals. May import: services, jobs, frames, videos, catalog,
images, foreign, upstream, and errors, settings, text.
"""
