"""A web server on loopback, in a thread, that notes what it is asked; on a Unix socket, too."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ONE = b"one\n"
_SUM = hashlib.sha256(ONE).hexdigest()


@dataclass
class Web:
    """The server's address and the requests it had."""

    url: str = ""
    methods: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    """Small files, an echo, redirects, a password, cookies."""

    web: Web

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.web.methods.append(self.command)
        self.web.paths.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        files = {
            "/one": ONE,
            "/sums": f"00  other\n{_SUM}  one\n".encode(),
            "/bsd": f"SHA256 (one) = {_SUM}\n".encode(),
            "/alone": _SUM.encode(),
        }
        if self.path in files and self.headers.get("If-Modified-Since"):
            self._send(304)
        elif self.path in files:
            self._send(200, files[self.path])
        elif self.path.startswith("/echo"):
            shown = {name.lower(): value for name, value in self.headers.items()}
            told = {"method": self.command, "headers": shown, "body": body.decode("latin-1")}
            self._send(200, json.dumps(told).encode(), Content_Type="application/json; charset=utf-8")
        elif self.path.startswith("/to/"):
            self._send(int(self.path[4:]), Location="/echo")
        elif self.path == "/named":
            self._send(200, b"x", Content_Disposition='attachment; filename="../told"')
        elif self.path == "/short":
            self._send(200, b"too little", Content_Length="100")
        elif self.path == "/gzip":
            self._send(200, gzip.compress(b"small\n"), Content_Encoding="gzip")
        elif self.path == "/cookies":
            self._send(200, b"ok", Set_Cookie="a=1; Path=/", X_Two="b")
        elif self.path == "/secret" and self.headers.get("Authorization") != "Basic bWU6d29yZA==":
            self._send(401, b"who?", WWW_Authenticate='Basic realm="lab"')
        elif self.path == "/secret":
            self._send(200, b"in")
        else:
            self._send(404, b'{"said": "no"}', Content_Type="application/json")

    do_HEAD = do_POST = do_PUT = do_GET


class UnixServer(socketserver.ThreadingUnixStreamServer):
    """Callers on a Unix socket have no address."""

    def get_request(self) -> tuple[Any, Any]:
        request, _ = super().get_request()
        return request, ("local", 0)


def served(server: socketserver.BaseServer) -> Iterator[None]:
    """A server at work until the test has ended."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    """The server's address and what it was asked: `url`, `methods`, `paths`."""
    told = Web()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Handler,), {"web": told}))
    told.url = f"http://127.0.0.1:{server.server_port}"
    for _ in served(server):
        yield told


@pytest.fixture
def unix_web(tmp_path: Path) -> Iterator[str]:
    """The path of a Unix socket where the same answers."""
    path = str(tmp_path / "web.sock")
    for _ in served(UnixServer(path, type("Of", (Handler,), {"web": Web()}))):
        yield path
