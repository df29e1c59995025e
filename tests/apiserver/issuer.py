"""An issuer of JWTs: discovery document and keys over TLS, and tokens."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.apiserver.servers import Authority


class Issuer:
    """Serves an OpenID discovery document and its keys over TLS, and signs tokens."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        authority = Authority(folder, "issuer-ca")
        self.authority = authority.file.read_text()
        #: Answers by path, beside discovery and keys.
        self.also: dict[str, bytes] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("issuer", "issuer", serves=True))
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = issuer.also.get(self.path) or json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def rotate(self) -> None:
        """A new key under the same name; the old one is gone."""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def document(self, path: str) -> Any:
        if path.endswith("openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        point = self._key.public_key().public_numbers()
        x, y = (
            base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")
            for number in (point.x, point.y)
        )
        return {"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": x, "y": y}]}

    def token(self, drop: str = "", **claims: Any) -> str:
        """drop: a claim to leave out."""
        base: dict[str, Any] = {"iss": self.url, "aud": "cluster", "exp": time.time() + 600, "sub": "ann"}
        base["roles"] = ["dev"]
        claims = {name: value for name, value in (base | claims).items() if name != drop}
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": "k1"})

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
