"""Images of Docker Engine in CRI's terms.

Called by sandboxes, containers and the image service. Imports engine and the messages of CRI.
"""
