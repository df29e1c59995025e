"""TLS handshakes that tell the client why they failed, by an alert or in plain text."""

from __future__ import annotations

import ssl
from typing import Any, Final

#: First bytes of plain HTTP requests that Go's listener recognizes where a TLS record should begin.
_REQUEST_STARTS: Final = {b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"}
_PLAIN_REFUSAL: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


class _FailedHandshake:
    """Replaces OpenSSL's object after a failed handshake: reads nothing and ignores what is written."""

    def read(self, *_: Any) -> bytes:
        raise ssl.SSLWantReadError

    def write(self, data: bytes) -> int:
        return len(data)

    def pending(self) -> int:
        return 0

    def ignore(self, *_: Any) -> None:
        return None

    getpeercert = cipher = compression = selected_alpn_protocol = version = shutdown = ignore


class Handshake(ssl.SSLObject):
    """The server's side of a connection.

    The event loop drops what a failed handshake has written. So a failed handshake reports success to the
    loop and sets `has_failed`. The protocol has to check that and to close the connection.
    """

    has_failed = False
    _incoming: ssl.MemoryBIO | None
    _outgoing: ssl.MemoryBIO

    def attach(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        """incoming: bytes from the client. outgoing: bytes to the client."""
        self._incoming, self._outgoing = incoming, outgoing

    def do_handshake(self) -> None:
        try:
            if self._is_plain():
                self._outgoing.write(_PLAIN_REFUSAL)
                raise ssl.SSLError("client sent an HTTP request to an HTTPS server")
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self.has_failed = True
            self._sslobj: Any = _FailedHandshake()

    def _is_plain(self) -> bool:
        """Whether the first bytes are a plain HTTP request. Checked once."""
        incoming = self._incoming
        if incoming is None or incoming.pending < 5:
            return False
        self._incoming = None
        data = incoming.read()
        incoming.write(data)
        return data[:5] in _REQUEST_STARTS


class Context(ssl.SSLContext):
    """A server's context, whose connections are of class Handshake."""

    sslobject_class = Handshake

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *more: Any, **options: Any
    ) -> Handshake:
        made = super().wrap_bio(incoming, outgoing, *more, **options)
        assert isinstance(made, Handshake)
        made.attach(incoming, outgoing)
        return made
