"""Whether tests run in full (`make full`): with every kill and round, and many more random inputs."""

import os

import pytest

FULL = os.environ.get("FULL") == "1"

in_full = pytest.mark.skipif(not FULL, reason="takes long: in `make full`")
"""For a test that only `make full` runs; its file must be named there (`Makefile`)."""
