"""The claims of a service account token: their types and times.

Source: upstream pkg/serviceaccount/claims.go and go-jose's jwt.Claims.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from typing import Any, Final

from kprov.kube.machinery import status
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject

#: The allowed difference of clocks in seconds, upstream's jwt.DefaultLeeway.
LEEWAY_SECONDS: Final = 60
_TEXTS: Final = ("iss", "sub", "jti")
_TIMES: Final = ("nbf", "exp", "iat")
_PRIVATE: Final = "kubernetes.io"
_LEGACY: Final = {
    f"kubernetes.io/serviceaccount/{name}"
    for name in ("namespace", "secret.name", "service-account.name", "service-account.uid")
}
_LIBRARY: Final = "go-jose/go-jose/jwt: "
_MOST: Final = 2**63
_REFERENCES: Final = ("serviceaccount", "pod", "secret", "node")


class RefusedTokenError(status.StatusError):
    """A 401 for an invalid token. `text` is the error of a TokenReview."""

    def __init__(self, text: str) -> None:
        super().__init__(status.unauthorized().status)
        self.text = text


class _MalformedError(ValueError):
    """An error at which upstream's decoder stops, whatever else is wrong."""


def decode(payload: bytes, *, is_legacy: bool = False) -> JsonObject:
    """Decode the claims of a verified token. Raise RefusedTokenError for a wrong type."""
    claims: JsonObject = json.loads(payload)
    private = claims.get(_PRIVATE)
    try:
        wrong = [*_find_problems(claims, _TEXTS, _TIMES)]
        if is_legacy:
            wrong += _find_problems(claims, _LEGACY, ())
        elif not wrong:
            wrong += _check_type(private, dict, "serviceaccount.kubernetes")
        if not wrong and private and not is_legacy:
            wrong += _find_problems(private, ("namespace",), ("warnafter",))
    except _MalformedError as error:
        wrong = [str(error)]
    if wrong:
        raise RefusedTokenError(wrong[0])
    for name in _TIMES:
        if claims.get(name) is not None:
            claims[name] = _truncate(claims[name])
    return claims


def _find_problems(held: JsonObject, texts: Collection[str], times: Collection[str]) -> Iterator[str]:
    """Yield the errors of upstream's decoder, in the order of the fields. Raise _MalformedError."""
    for name, value in held.items():
        if name in texts:
            yield from _check_type(value, str, "string")
        elif name in times:
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise _MalformedError(f"{_LIBRARY}expected number value to unmarshal NumericDate")
        elif name == "aud" and texts is _TEXTS:
            if not isinstance(value, str) and not _is_list_of_texts(value):
                raise _MalformedError(f"{_LIBRARY}expected string or array value to unmarshal to Audience")
        elif name in _REFERENCES and texts is not _TEXTS:
            yield from _check_type(value, dict, "serviceaccount.ref")
            if isinstance(value, dict):
                yield from _find_problems(value, ("name", "uid"), ())


def _check_type(value: Any, wanted: type, named: str) -> Iterator[str]:
    if value is not None and not isinstance(value, wanted):
        yield f"json: cannot unmarshal {go_json.type_name(value)} into Go value of type {named}"


def _truncate(seconds: float) -> int:
    """Convert to an integer as Go does: a number that does not fit becomes the minimum."""
    return int(seconds) if abs(seconds) < _MOST else -_MOST


def check_times(claims: JsonObject) -> None:
    """Raise RefusedTokenError outside of the token's validity."""
    now = time.time()
    if (claims.get("nbf") or 0) > now + LEEWAY_SECONDS:
        raise RefusedTokenError("service account token is not valid yet")
    if claims.get("exp") is not None and now - LEEWAY_SECONDS > claims["exp"]:
        raise RefusedTokenError("service account token has expired")
    if (claims.get("iat") or 0) > now + LEEWAY_SECONDS:
        raise RefusedTokenError("service account token is issued in the future")


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
