"""Whether tests run in full (`make full`): with every kill and copy, and ten times as many random inputs."""

import os

FULL = os.environ.get("FULL") == "1"
