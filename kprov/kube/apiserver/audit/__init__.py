"""The audit log: what a Policy wants to know of each request, as upstream's events.

Called by the server, which asks for nothing of it when there is no --audit-policy-file.
"""
