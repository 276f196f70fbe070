"""The server itself over HTTP, for scenarios that speak nothing else: python -m tests.conformance.served PORT."""

import os
import sys

import uvicorn

from gmi_video.mcp.app import create_server
from gmi_video.settings import Settings

if __name__ == "__main__":
    app = create_server(Settings.from_environment(os.environ)).streamable_http_app()
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
