"""The watch cache: each resource's objects as wire bytes, and its recent events, shared by all readers.

Called by registry/ and handlers/; imports storage/ and machinery.
"""
