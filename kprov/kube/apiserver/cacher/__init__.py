"""The watch cache: the objects of each resource as encoded JSON, and its recent events.

Called by registry/ and handlers/; imports storage/ and machinery.
"""
