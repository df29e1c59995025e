"""systemd hosts on this machine, from a cached Debian image.

Called by operations and cli. Unaware of verify and bundle.
"""
