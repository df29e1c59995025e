"""Parse a signed JWT and read its claims as Go does: null is the empty value.

Errors are RefusedTokenError with the text that a TokenReview shows.
Source: coreos/go-oidc v2 (verify.go) and apiserver/plugin/pkg/authenticator/token/oidc.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from kprov.kube.apiserver.authn.token_claims import RefusedTokenError
from kprov.kube.machinery.json_object import JsonObject

#: Supported signature algorithms.
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
_LEEWAY_SECONDS: Final = 60
#: The name of Google's issuer without a scheme, which some of its tokens have.
_SHORT: Final = {"accounts.google.com": "https://accounts.google.com"}
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token in compact serialization, not verified."""

    header: JsonObject
    claims: JsonObject
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        value = self.header.get("alg", "")
        return value if isinstance(value, str) else ""

    @property
    def key_id(self) -> str:
        value = self.header.get("kid", "")
        return value if isinstance(value, str) else ""


def parse(token: str) -> Jwt:
    """Raise ValueError for another form."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise ValueError("malformed token")
    header, claims, signature = (_decode(part) for part in parts)
    documents = orjson.loads(header), orjson.loads(claims)
    if not all(isinstance(document, dict) for document in documents):
        raise ValueError("malformed token")
    return Jwt(*documents, token.rpartition(".")[0].encode(), signature)


def find_issuer(token: str) -> str:
    """Return the unverified issuer of a JWT; "" for another token."""
    parts = token.split(".")
    try:
        claims = orjson.loads(_decode(parts[1])) if len(parts) == _PARTS else {}
    except ValueError:
        return ""
    issuer = claims.get("iss") if isinstance(claims, dict) else ""
    return _SHORT.get(issuer, issuer) if isinstance(issuer, str) else ""


def _decode(part: str) -> bytes:
    if "=" in part:
        raise ValueError("a part with padding")
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def check_claims(claims: JsonObject, issuer: str, audiences: Sequence[str]) -> None:
    """Check the claims of a verified token: types, claim sources, issuer, audience, times."""
    token_audiences, times = (
        _read_audiences(claims),
        {name: _read_seconds(claims, name) for name in ("exp", "iat", "nbf")},
    )
    for name in ("iss", "sub", "nonce", "at_hash"):
        _check_type(name, claims.get(name), str)
    names = _check_type("_claim_names", claims.get("_claim_names"), dict)
    sources = _check_type("_claim_sources", claims.get("_claim_sources"), dict)
    for source in names.values():
        if not source:
            raise RefusedTokenError("oidc: verify token: oidc: failed to obtain source from claim name")
        if source not in sources:
            raise RefusedTokenError("oidc: verify token: oidc: source does not exist")
    named = claims.get("iss") or ""
    if _SHORT.get(named, named) != issuer:
        text = f'oidc: id token issued by a different provider, expected "{issuer}" got "{named}"'
        raise RefusedTokenError(f"oidc: verify token: {text}")
    if not set(audiences) & set(token_audiences):
        wanted = " ".join(f'"{audience}"' for audience in sorted(audiences))
        wanted = wanted if len(audiences) == 1 else f"in [{wanted}]"
        shown = " ".join(f'"{audience}"' for audience in token_audiences)
        raise RefusedTokenError(f"oidc: verify token: oidc: expected audience {wanted} got [{shown}]")
    _check_times(times["exp"], times["nbf"])


def _check_times(end: int | None, begin: int | None) -> None:
    now = time.time()
    if end is None or end < now:
        shown = _format_time(end) if end is not None else "0001-01-01 00:00:00 +0000 UTC"
        raise RefusedTokenError(f"oidc: verify token: oidc: token is expired (Token Expiry: {shown})")
    if begin is not None and now + _LEEWAY_SECONDS < begin:
        text = f"current time {_format_time(now)} before the nbf (not before) time: {_format_time(begin)}"
        raise RefusedTokenError(f"oidc: verify token: oidc: {text}")


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")


def _read_audiences(claims: JsonObject) -> list[str]:
    value = claims.get("aud")
    if isinstance(value, str) or ("aud" in claims and value is None):
        return [value or ""]
    if value is not None and not isinstance(value, list):
        raise _decoding_error(
            f"json: cannot unmarshal {name_json_type(value)} into Go value of type []string"
        )
    for index, audience in enumerate(value or ()):
        if audience is not None and not isinstance(audience, str):
            raise _decoding_error(
                f"json: cannot unmarshal {name_json_type(audience)} into .{index} of type string"
            )
    return [text or "" for text in value or ()]


def _read_seconds(claims: JsonObject, name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        if name in claims and name != "nbf":
            raise _decoding_error('strconv.ParseFloat: parsing "": invalid syntax')
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _decoding_error(
            f"json: cannot unmarshal {name_json_type(value)} into Go value of type json.Number"
        )
    try:
        return int(float(value)) if not isinstance(value, int) else value
    except (ValueError, OverflowError):
        text = f"json: cannot unmarshal string {orjson.dumps(value).decode()} into Go value of type"
        raise _decoding_error(f"{text} json.Number: invalid syntax") from None


def _check_type(name: str, value: Any, kind: type) -> Any:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        text = f"json: cannot unmarshal {name_json_type(value)} into Go struct field idToken.{name} of type"
        raise _decoding_error(f"{text} {'string' if kind is str else 'map'}")
    return value


def _decoding_error(text: str) -> RefusedTokenError:
    return RefusedTokenError(f"oidc: verify token: oidc: failed to unmarshal claims: {text}")


def name_json_type(value: Any) -> str:
    """Return the name of a JSON type as Go writes it."""
    if isinstance(value, bool):
        return "bool"
    kinds: dict[type, str] = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def read_text(claims: JsonObject, name: str) -> str:
    """Return a required string claim. Raise ValueError with the reason."""
    if name not in claims:
        raise ValueError("claim not present")
    value = claims[name]
    if value is not None and not isinstance(value, str):
        raise ValueError(f"json: cannot unmarshal {name_json_type(value)} into Go value of type string")
    return value or ""


def read_texts(claims: JsonObject, name: str) -> list[str]:
    """Return a claim that is a string or a list of strings; [] if missing.

    Raise ValueError with the reason.
    """
    value = claims.get(name)
    if isinstance(value, list) and all(entry is None or isinstance(entry, str) for entry in value):
        return [entry or "" for entry in value]
    return [] if value is None else [read_text(claims, name)]
