"""The network of sandboxes by CNI plugins.

Called by sandboxes and by the runtime's status. Imports component_base and below.
"""
