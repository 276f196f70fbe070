"""Whether tests run in full (`make full`): with every kill and round, and many more random inputs."""

import os

FULL = os.environ.get("FULL") == "1"
