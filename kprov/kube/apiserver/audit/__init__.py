"""The audit log: events of requests, selected by the Policy of --audit-policy-file.

Called by the request chain. Without a policy nothing of it runs.
"""
