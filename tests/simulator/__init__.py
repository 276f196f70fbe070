"""Whether the pretend GMI Cloud behaves as gmi-api.md says the real one does."""
