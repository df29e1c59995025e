"""The resource quota controller: recounts what admission has charged.

May import: component_helpers.quota, the client, the controllers' context.
"""
