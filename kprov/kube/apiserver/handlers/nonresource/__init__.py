"""Paths that are not resources: OpenAPI documents, OpenID discovery, /statusz and /flagz.

Called by the server and by handlers.documents. May import authn.
"""
