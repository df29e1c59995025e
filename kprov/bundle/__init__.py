"""The component bundle for a host's Python and architecture; reads kube/ as files, never imports it.

Called by operations and cli. Unaware of verify and lab.
"""
