"""The patch types: JSON patch, merge patch, strategic merge patch.

Called by the API server's verbs; imports `schema` and `go_text`.
"""
