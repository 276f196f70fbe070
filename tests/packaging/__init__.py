"""What is installed: the built wheel, the source distribution, the lowest versions, and the way to an extra."""
