"""Tests of the simulator: it behaves as the vendor's documentation and the observations of the live service say."""
