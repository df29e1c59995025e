"""The verbs of resources, discovery and OpenAPI: from a request to the registry and back.

Called by server/; imports registry/, cacher/ and machinery.
"""
