"""A gRPC client on asyncio: unary calls and bidirectional streams over one HTTP/2 connection to a server.

Sources: RFC 9113 (HTTP/2), RFC 7541 (HPACK), gRPC's PROTOCOL-HTTP2. Why it exists: docs/decisions/015.
Messages are bytes here. The caller serializes them.
"""
