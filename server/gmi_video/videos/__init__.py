"""A finished video is fetched from its address, which is checked first, and saved in the user's folder, once.

`fetch` has the transfer and `part` what arrived of it, `formats` what counts as a video, `names` what a file is called,
`store` the folder, and `save` the whole, with what goes wrong in words.
"""
