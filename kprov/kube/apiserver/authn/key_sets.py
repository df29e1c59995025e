"""An issuer's discovery document and its keys (JWKS), over HTTPS.

The document is read once. The keys are read when no known key verifies a token, unless Cache-Control says
that they are still valid. Source: coreos/go-oidc v2 (oidc.go, jwks.go).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import SplitResult

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from multidict import CIMultiDict

from kprov.kube.apiserver.authn.id_tokens import Jwt
from kprov.kube.apiserver.authn.token_claims import RefusedTokenError
from kprov.kube.component_base.http11.client import ClientConnection
from kprov.kube.component_base.http_get import Document, GetError, get_document
from kprov.kube.component_base.tasks import start_task
from kprov.kube.machinery.integers import parse_clamped
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS: Final = 30
#: Limit of a discovery document, a set of keys, a distributed claim.
_MAX_BYTES: Final = 4 * 1024 * 1024
_USER_AGENT: Final = "Go-http-client/1.1"
_AGAIN_SECONDS: Final = 10.0
#: Keys that expire this soon are read again.
_DELTA_SECONDS: Final = 30.0
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_UNVERIFIED: Final = "failed to verify signature: failed to verify id token signature"


class KeySet:
    """The keys of one issuer. `changes` counts how often they changed."""

    def __init__(self, url: str, context: ssl.SSLContext, discovery: str = "") -> None:
        self.url = url
        self.changes = 0
        self._context = context
        self._discovery = discovery or url.removesuffix("/") + _WELL_KNOWN
        self._uri = ""
        self._tried_at = float("-inf")
        self._finding = asyncio.Lock()
        self._reading: asyncio.Task[str] | None = None
        self._listed: list[JsonObject] = []
        self._keys: list[tuple[str, Any]] = []
        self._fresh_until = float("-inf")

    async def discover(self) -> bool:
        """Read the discovery document; return whether it is known. A failure is retried after ten seconds."""
        async with self._finding:
            if self._uri or time.monotonic() - self._tried_at < _AGAIN_SECONDS:
                return bool(self._uri)
            self._tried_at = time.monotonic()
            try:
                described, _ = await self.fetch(self._discovery)
                document = orjson.loads(described)
                if document.get("issuer") != self.url:
                    raise ValueError(f"it says that its issuer is {document.get('issuer')!r}")
                self._uri = str(document["jwks_uri"])
            except (OSError, ValueError, KeyError, AttributeError) as error:
                log.warning("cannot read %s: %s", self._discovery, error)
            return bool(self._uri)

    async def verify(self, token: Jwt) -> None:
        """Raise RefusedTokenError if none of the issuer's keys verifies the token."""
        if self._has_signed(token):
            return
        if time.time() + _DELTA_SECONDS <= self._fresh_until:
            raise RefusedTokenError(f"oidc: verify token: {_UNVERIFIED}")
        if self._reading is None:
            self._reading = start_task(self._read_keys(), "keys of an issuer")
        problem = await asyncio.shield(self._reading)
        if problem:
            text = f"failed to verify signature: fetching keys {problem}"
            raise RefusedTokenError(f"oidc: verify token: {text}")
        if not self._has_signed(token):
            raise RefusedTokenError(f"oidc: verify token: {_UNVERIFIED}")

    def _has_signed(self, token: Jwt) -> bool:
        return "crit" not in token.header and any(
            _has_signed(key, token) for name, key in self._keys if token.key_id in {"", name}
        )

    async def _read_keys(self) -> str:
        """Read the present keys; return the error, or ""."""
        try:
            document, until = await self.fetch(self._uri)
            listed = orjson.loads(document).get("keys") or []
            keys = [(str(key.get("kid") or ""), _parse_key(key)) for key in listed]
        except OSError as error:
            return f"oidc: get keys failed{error}"
        except (ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
            return f"oidc: failed to decode keys: {error}"
        finally:
            self._reading = None
        if listed != self._listed:
            self._listed, self._keys = listed, keys
            self.changes += 1
        self._fresh_until = until
        return ""

    async def fetch(self, url: str, token: str = "") -> tuple[bytes, float]:
        """Return a document and the time at which it expires by its headers. Raise OSError."""
        document = await self._get(url, token)
        if document.is_cut:
            raise OSError(f' Get "{url}": the document is longer than {_MAX_BYTES} bytes')
        if document.status != 200:
            shown = document.body.decode(errors="replace")
            raise OSError(f": {document.status} {document.reason} {shown}")
        return document.body, _find_expiry(document)

    async def _get(self, url: str, token: str) -> Document:
        # Imported only if there are issuers.
        from kprov.kube.component_base.http11 import environment_proxy

        headers = CIMultiDict({"User-Agent": _USER_AGENT})
        if token:
            headers["Authorization"] = f"Bearer {token}"

        async def open_connection(parts: SplitResult) -> tuple[ClientConnection, str]:
            return await environment_proxy.open_connection(parts, self._context)

        try:
            return await get_document(
                url, headers, open_connection, seconds=_TIMEOUT_SECONDS, max_bytes=_MAX_BYTES
            )
        except GetError as error:
            raise OSError(f' Get "{error.url}": {error}') from error


def _parse_key(document: JsonObject) -> Any:
    """Parse a key. As upstream, `alg` and `use` of the key are ignored."""
    kept = {name: value for name, value in document.items() if name not in {"alg", "use", "key_ops"}}
    return jwt.PyJWK.from_dict(kept).key


def _has_signed(key: Any, token: Jwt) -> bool:
    kind = EllipticCurvePublicKey if token.algorithm.startswith("ES") else RSAPublicKey
    if not isinstance(key, kind):
        return False
    algorithm = jwt.get_algorithm_by_name(token.algorithm)
    return bool(algorithm.verify(token.signed, key, token.signature))


def _find_expiry(document: Document) -> float:
    told = dict(
        part.strip().lower().partition("=")[::2]
        for part in document.headers.get("Cache-Control", "").split(",")
    )
    if "no-store" in told:
        return time.time()
    if told.get("max-age", "").isdecimal():
        return time.time() + parse_clamped(told["max-age"])
    try:
        return parsedate_to_datetime(document.headers.get("Expires", "")).timestamp()
    except ValueError:
        return time.time()
