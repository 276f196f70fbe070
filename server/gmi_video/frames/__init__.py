"""Frames of a finished video: a contact sheet to look at, and its first or last frame, for the next video to start at.

`extraction` fetches and remembers, `decoding` has frames decoded in a process of its own (`av_program`).
"""
