"""metadata.managedFields: server-side apply, field ownership, and structured merge below both.

Called by the API server's verbs; imports `schema`, `go_text`, `openapi.defaults` and `conversion`.
"""
