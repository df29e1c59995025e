"""From HTTP requests to stores and back: request info, negotiation, verbs, errors, watches.

Called by server.py; imports registry/, cacher/ and machinery.
"""
