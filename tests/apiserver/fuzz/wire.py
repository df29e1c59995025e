"""Requests as bytes on a TLS connection, and what an answer to any of them may be."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tests.apiserver.servers import Answer, ApiServer

Headers = Iterable[tuple[str, str | bytes]]

_SECONDS: Final = 20.0
#: For what may leave the server waiting for more.
_PATIENCE: Final = 1.0
#: Of a path, which is no HTTP then.
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: A 5xx that upstream gives too, and that its clients know: reason and the beginning of the message.
_KNOWN: Final = {
    ("Timeout", "Timeout: Too large resource version"),
    ("ServiceUnavailable", "no endpoints available for service"),
    (None, "no preferred addresses found; known addresses: []"),
}


def encoded(method: str, target: bytes | str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """A request as it stands on the wire; a header of the same name given takes the place of a usual one."""
    given = [(name, value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    names = {name.lower() for name, _ in given}
    usual = [("Host", b"127.0.0.1"), ("Authorization", b"Bearer admin-token")]
    if body is not None and "transfer-encoding" not in names:
        usual.append(("Content-Length", str(len(body)).encode()))
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target if isinstance(target, bytes) else target.encode())]
    lines += [name.encode() + b": " + value for name, value in usual if name.lower() not in names]
    lines += [name.encode() + b": " + value for name, value in given]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


class Line:
    """A connection that is opened again whenever the server has closed it."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._context = server.context()
        self._socket: ssl.SSLSocket | None = None

    def send(self, request: bytes, *, method: str = "GET", alone: bool = False) -> Answer | None:
        """The answer; None for a connection closed without one. alone: on a connection of its own."""
        if alone:
            self.close()
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self._exchange(request, method, alone=True)
            self.close()
            return None
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self._exchange(request, method)
        # A server may close an idle connection at any time: once more, on a new one.
        self.close()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self._exchange(request, method)
        self.close()
        return None

    def _exchange(self, request: bytes, method: str, *, alone: bool = False) -> Answer:
        if self._socket is None:
            plain = socket.create_connection(
                ("127.0.0.1", self._server.port), timeout=_PATIENCE if alone else _SECONDS
            )
            self._socket = self._context.wrap_socket(plain, server_hostname="127.0.0.1")
        with contextlib.suppress(OSError):  # refused while it is still being sent: the answer is there
            self._socket.sendall(request)
        found = http.client.HTTPResponse(self._socket, method=method)
        found.begin()
        # A watch has no end: its head is enough.
        endless = found.status == 200 and found.chunked
        data = b"" if endless else found.read()
        if alone or endless or found.will_close:
            self.close()
        return Answer(found.status, dict(found.getheaders()), data)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(slots=True)
class Judge:
    """Remembers what must not be, so that one run tells all of it."""

    line: Line
    complaints: dict[str, str] = field(default_factory=dict)
    played: int = 0

    def play(
        self, method: str, target: bytes | str, headers: Headers = (), body: bytes | None = None
    ) -> None:
        """One request that keeps to HTTP: a Status says why it is refused."""
        request = encoded(method, target, headers, body)
        if _BAD_ESCAPE.search(request.split(b"\r\n", 1)[0].partition(b"?")[0]):
            self.play_broken(request)
            return
        answer = self.line.send(request, method=method)
        self.played += 1
        complaint = "no answer" if answer is None else refused_badly(answer, method)
        if complaint:
            self._note(complaint, request)

    def play_broken(self, request: bytes) -> None:
        """One that does not: refused by whatever answer, or the connection closed."""
        answer = self.line.send(request, alone=True)
        self.played += 1
        # 501: a transfer coding nobody knows, 505: another version, as Go says it.
        if answer is not None and answer.status >= 500 and answer.status not in {501, 505}:
            self._note(f"{answer.status} {answer.body[:300]!r}", request)

    def _note(self, complaint: str, request: bytes) -> None:
        shown = request if len(request) < 1500 else request[:1000] + b" ... " + request[-300:]
        self.complaints.setdefault(complaint, repr(shown))

    def verdict(self) -> str:
        """Empty when all was well."""
        return "\n".join(f"{complaint}\n    {request}" for complaint, request in self.complaints.items())


def refused_badly(answer: Answer, method: str) -> str:
    """Empty for a success, and for a 4xx with a Status that says the same."""
    if answer.status < 400:
        return ""
    text = answer.body[:300].decode(errors="replace")
    if method == "HEAD":
        return "" if answer.status < 500 else f"{answer.status} to HEAD"
    is_yaml = answer.headers.get("Content-Type") == "application/yaml"
    try:
        said: Any = yaml.safe_load(answer.body) if is_yaml else json.loads(answer.body)
    except ValueError:
        plain = answer.status == 404 and answer.body == b"404 page not found\n"
        return "" if plain else f"{answer.status} without a Status: {text}"
    if not isinstance(said, dict) or said.get("kind") != "Status" or said.get("code") != answer.status:
        return f"{answer.status} without its Status: {text}"
    if not said.get("message") or said.get("status") != "Failure":
        return f"{answer.status} with half a Status: {text}"
    if answer.status < 500 or any(
        said.get("reason") == reason and said["message"].startswith(begin) for reason, begin in _KNOWN
    ):
        return ""
    return f"{answer.status} {said['message'][:300]}"
