"""Foreign bytes are read by a program in a process of its own: without the key, bounded in memory and time.

`process` runs a program of ours, `bounds` is what the process begins with.
"""
