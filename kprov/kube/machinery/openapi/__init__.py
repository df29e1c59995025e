"""OpenAPI v2 and v3 documents of the API: types, paths, defaults, enumerations, and v2 as protobuf.

Called by the API server's OpenAPI endpoints; imports `schema`, `patch` and the resource table.
"""
