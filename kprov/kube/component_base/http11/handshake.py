"""TLS whose failed handshakes are told to the client, by an alert or in plain text."""

from __future__ import annotations

import ssl
from typing import Any, Final

#: First bytes of a request, where a TLS record has its head; those that Go's listener knows.
_REQUESTS: Final = {b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"}
_PLAIN: Final = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


class _Nothing:
    """In the place of OpenSSL's object once its handshake has failed: nothing comes, nothing is added."""

    def read(self, *_: Any) -> bytes:
        raise ssl.SSLWantReadError

    def write(self, data: bytes) -> int:
        return len(data)

    def pending(self) -> int:
        return 0

    def nothing(self, *_: Any) -> None:
        return None

    getpeercert = cipher = compression = selected_alpn_protocol = version = shutdown = nothing


class Handshake(ssl.SSLObject):
    """One side of a connection.

    The event loop drops what a failed handshake has written, so such a one counts as done for it: who gets
    the connection has to look at `refused`, and close it.
    """

    refused = False
    _heard: ssl.MemoryBIO | None
    _said: ssl.MemoryBIO

    def begin(self, heard: ssl.MemoryBIO, said: ssl.MemoryBIO) -> None:
        """heard, said: what comes from the client, and what goes there."""
        self._heard, self._said = heard, said

    def do_handshake(self) -> None:
        try:
            if self._is_plain():
                self._said.write(_PLAIN)
                raise ssl.SSLError("client sent an HTTP request to an HTTPS server")
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self.refused = True
            self._sslobj: Any = _Nothing()

    def _is_plain(self) -> bool:
        heard = self._heard
        if heard is None or heard.pending < 5:
            return False
        self._heard = None
        begin = heard.read()
        heard.write(begin)
        return begin[:5] in _REQUESTS


class Context(ssl.SSLContext):
    """A server's."""

    sslobject_class = Handshake

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *more: Any, **options: Any
    ) -> Handshake:
        made = super().wrap_bio(incoming, outgoing, *more, **options)
        assert isinstance(made, Handshake)
        made.begin(incoming, outgoing)
        return made
