"""One TLS connection, written to byte by byte and read answer by answer."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

from tests.apiserver.fuzz.wire import encoded
from tests.apiserver.servers import Answer, ApiServer

_SECONDS: Final = 20.0
#: How it shows that the server has closed a connection; TimeoutError is none of them.
CLOSED: Final = (ConnectionError, ssl.SSLError, http.client.HTTPException)
#: Something small that is always answered.
NEXT: Final = encoded("GET", "/version")


class _Shared(io.BufferedReader):
    """An answer's reader, which the next answer needs too."""

    def close(self) -> None:
        pass

    def makefile(self, _mode: str) -> _Shared:
        """What http.client wants of a socket."""
        return self


class Connection:
    """Every wait ends, with TimeoutError, which says that the server does neither answer nor close."""

    def __init__(self, server: ApiServer) -> None:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=_SECONDS)
        self._socket = server.context().wrap_socket(plain, server_hostname="127.0.0.1")
        self._file: Any = self._socket.makefile("rb", buffering=0)
        self._reader = _Shared(self._file)

    def send(self, data: bytes) -> None:
        """One of CLOSED: the server has closed it."""
        self._socket.sendall(data)

    def answer(self, method: str = "GET") -> Answer:
        """The next one whole; of an endless one and of 101 the head. 100 is passed over."""
        shared: Any = self._reader
        found = http.client.HTTPResponse(shared, method=method)
        found.begin()
        endless = found.status == 101
        return Answer(found.status, dict(found.getheaders()), b"" if endless else found.read())

    def read(self, count: int) -> bytes:
        """So many bytes, fewer when it ends before."""
        return self._reader.read(count)

    def is_kept(self) -> bool:
        """Whether another request is answered on it."""
        try:
            self.send(NEXT)
            return self.answer().status == 200
        except CLOSED:
            return False

    def ends(self) -> bool:
        """Whether the server closes it, after nothing more."""
        try:
            return self._reader.read(1) == b""
        except CLOSED:
            return True

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()


@contextmanager
def asked(server: ApiServer, *parts: bytes) -> Iterator[Connection]:
    """A connection on which something has been written."""
    with Connection(server) as connection:
        for part in parts:
            connection.send(part)
        yield connection
