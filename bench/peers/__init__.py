"""Other published servers that make media, measured beside this one."""
