"""A gRPC client on asyncio: unary calls and bidirectional streams over one HTTP/2 connection a server.

Why there is one: docs/decisions/015. Sources: RFC 9113 (HTTP/2), RFC 7541 (HPACK) and gRPC's PROTOCOL-HTTP2.
Messages are bytes here; whoever calls serializes them.
"""
