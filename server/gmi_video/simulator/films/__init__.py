"""The simulator's films: drawn with Pillow, encoded with PyAV, cached on disk.

`spec` says what film a job asks for; `scene` and `caption` draw it, with the help of `pillow_helpers`; `encoder` writes
MP4 and JPEG files; `store` caches them.
"""
