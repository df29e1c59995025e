"""Docker Engine's API over its Unix socket.

Called by the rest of cri-docker. Imports component_base only. Why no library: docs/decisions/030.
"""
