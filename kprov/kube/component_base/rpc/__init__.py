"""A gRPC client and server on asyncio, over one HTTP/2 connection each.

Client: unary calls and bidirectional streams. Server: unary calls and streams to the client.
Sources: RFC 9113 (HTTP/2), RFC 7541 (HPACK), gRPC's PROTOCOL-HTTP2. Why it exists: docs/decisions/015, 030.
Messages are bytes here. The caller serializes them.
"""
