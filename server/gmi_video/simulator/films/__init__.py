"""The simulator's films: drawn with Pillow, encoded with PyAV, cached on disk.

`spec` says what film a job asks for, `continuing` from which other one it goes on. `scene` draws it on planes
(`plane`), which the `camera` shows as the prompt says; `subject` draws what it is about, from `shapes`; `caption`
writes the prompt; `pillow_helpers` helps all. `encoder` writes MP4 and JPEG files; `store` caches them.
"""
