"""The Pod Security Standards: levels and versions, and the checks of each. Called by pod_security.

Objects are JSON documents. May import: machinery.
"""
