"""Facts about upstream's Go types, generated from its source tree by `make upstream`.

Called by `schema`, `openapi` and the API server's protobuf decoder; imports nothing of the project.
"""
