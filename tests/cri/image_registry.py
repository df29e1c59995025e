"""A registry of images at 127.0.0.1 with one image and one user (distribution specification, pulls only)."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def name_digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class ImageRegistry:
    """name: HOST:PORT/private/image. digest: of its manifest. Only `user` with `password` may pull it."""

    user, password = "reader", "p:ä?"

    def __init__(self, archive: bytes) -> None:
        layer = gzip.compress(archive, mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"User": "1234:1234"},
                "rootfs": {"type": "layers", "diff_ids": [name_digest(archive)]},
                "history": [{"created_by": "a test"}],
            }
        ).encode()
        kinds = {
            "config": ("application/vnd.docker.container.image.v1+json", config),
            "layer": ("application/vnd.docker.image.rootfs.diff.tar.gzip", layer),
        }
        parts = {
            name: {"mediaType": kind, "size": len(data), "digest": name_digest(data)}
            for name, (kind, data) in kinds.items()
        }
        document = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": parts["config"],
            "layers": [parts["layer"]],
        }
        self.manifest = json.dumps(document).encode()
        self.digest = name_digest(self.manifest)
        self.blobs = {name_digest(data): data for _, data in kinds.values()}
        self.name = ""


class Handler(BaseHTTPRequestHandler):
    registry: ImageRegistry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        registry = self.registry
        expected = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._answer(401, b"{}", {"WWW-Authenticate": 'Basic realm="test"'})
            return
        last = self.path.rpartition("/")[2]
        if self.path == "/v2/":
            self._answer(200, b"{}", {})
        elif "/manifests/" in self.path and last in {"1", registry.digest}:
            fields = {"Content-Type": _MANIFEST, "Docker-Content-Digest": registry.digest}
            self._answer(200, registry.manifest, fields)
        elif "/blobs/" in self.path and last in registry.blobs:
            self._answer(200, registry.blobs[last], {"Content-Type": "application/octet-stream"})
        else:
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            self._answer(404, json.dumps(error).encode(), {"Content-Type": "application/json"})

    do_HEAD = do_GET

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


@contextlib.contextmanager
def start_registry(archive: bytes) -> Iterator[ImageRegistry]:
    """Serve until the end. Docker takes plain HTTP from 127.0.0.0/8."""
    registry = ImageRegistry(archive)
    handler = type("BoundHandler", (Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.name = f"127.0.0.1:{server.server_port}/private/image"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
