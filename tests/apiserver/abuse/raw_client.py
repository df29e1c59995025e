"""A connection that a test drives byte by byte, and may leave unread."""

from __future__ import annotations

import socket
import ssl

from tests.apiserver.servers import ApiServer

#: So little fits between the server and a client that does not read.
_RECEIVE_BYTES = 4096
_WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Origin: http://a",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


def connect(server: ApiServer) -> ssl.SSLSocket:
    """Open a connection with a small receive buffer."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    plain.settimeout(30)
    plain.connect(("127.0.0.1", server.port))
    return server.context().wrap_socket(plain, server_hostname="127.0.0.1")


def send_get(
    server: ApiServer, target: str, *, websocket: bool = False, token: str = "admin-token"
) -> ssl.SSLSocket:
    """Send a GET on a new connection, and read nothing of the response."""
    lines = [f"GET {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    wire = connect(server)
    wire.sendall("\r\n".join([*lines, *(_WEBSOCKET if websocket else ()), "", ""]).encode())
    return wire
