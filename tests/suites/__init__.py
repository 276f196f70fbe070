"""The official Inspector, TypeScript clients and conformance scenarios against the real server."""
