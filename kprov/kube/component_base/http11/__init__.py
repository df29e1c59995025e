"""HTTP/1.1 on asyncio: the components' listener with WebSockets, and a client that upgrades connections.

Source: RFC 9110, RFC 9112; where they leave a choice, Go's net/http. Framing that recipients could read in
different ways is refused. Why not a library: docs/decisions/016.
"""
