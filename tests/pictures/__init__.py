"""The pictures of README.md, made of the real things: `make pictures` writes them into docs/images."""
