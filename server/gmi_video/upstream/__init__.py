"""The queue's API as a client: one method an endpoint, HTTP failures as our errors, wire shapes.

`client` calls endpoints and retries what is safe, `transport` makes one HTTP exchange, `failures` turns HTTP failures
into errors, `wire` parses. May import: errors, settings, text.
"""
