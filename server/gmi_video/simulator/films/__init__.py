"""The simulator's films: drawn with Pillow, encoded with PyAV, kept on disk while there is space.

`spec` says what a job asked for, `scene` and `caption` draw it, `encoder` writes MP4 and JPEG, `store` keeps the files.
"""
