"""From HTTP requests to stores and back: request info, negotiation, verbs, errors, watches.

Called by server/; imports registry/, cacher/ and machinery.
"""
