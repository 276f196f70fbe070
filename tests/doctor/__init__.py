"""`gmi-video-mcp doctor`: its checks against the simulator, the hosts' files, and the command as a process."""
