"""Pod sandboxes: a container with the pause image that holds the namespaces of a pod.

Called by the service. Imports images, network, translation and engine.
"""
