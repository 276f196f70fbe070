"""The hosts of docs/hosts.md, as far as they can be had: set up as the README says, and asked for a video."""
