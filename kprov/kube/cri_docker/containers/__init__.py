"""Containers of pods.

Called by the service. Imports images, translation and engine.
"""
