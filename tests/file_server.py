"""A folder over HTTP on this machine, and a count of the requests for each path."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class FileServer:
    """The address, and how often each path was requested; of a proxy, each URL."""

    url: str
    requests: Counter[str] = field(default_factory=Counter)


@contextmanager
def serve_folder(folder: Path) -> Iterator[FileServer]:
    """Serve a folder until the block ends."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            server.requests[self.path] += 1
            # A client that uses this server as its proxy sends whole URLs.
            self.path = urlsplit(self.path).path
            super().do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = FileServer(f"http://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
