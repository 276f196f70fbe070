"""The examples of docs/agents.md, run with the frameworks themselves."""
