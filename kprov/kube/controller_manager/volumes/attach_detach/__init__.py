"""Attaches volumes to the nodes of the pods that use them, and detaches them after the last pod.

The registry loads its controller. It imports the framework and the rules of volumes.
"""
