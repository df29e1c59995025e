"""What a service account token says of itself: the claims' types and times, and the refusal of one.

Source: upstream pkg/serviceaccount/claims.go and go-jose's jwt.Claims.
"""

from __future__ import annotations

import json
import time
from typing import Any, Final

from kprov.kube.machinery import status

Object = dict[str, Any]
#: Clocks of API servers may differ by so much, as upstream's jwt.DefaultLeeway.
LEEWAY_SECONDS: Final = 60
_TEXTS: Final = ("iss", "sub", "jti")
_TIMES: Final = ("nbf", "exp", "iat")
_REFERENCES: Final = ("serviceaccount", "pod", "secret", "node")


class RefusedTokenError(status.StatusError):
    """A token that this cluster issued and that does not hold; 401. `text` is what a TokenReview says."""

    def __init__(self, text: str) -> None:
        super().__init__(status.unauthorized().status)
        self.text = text


def read(payload: bytes) -> Object:
    """The claims of a token whose signature holds. Raises StatusError 401 for what is not of its type."""
    claims: Object = json.loads(payload)
    private = claims.get("kubernetes.io") or {}
    given = claims.get("aud") or []
    fits = (
        all(isinstance(claims.get(name) or "", str) for name in _TEXTS)
        and all(_is_time(claims.get(name)) for name in _TIMES)
        and (isinstance(given, str) or _is_list_of_texts(given))
        and isinstance(private, dict)
        and isinstance(private.get("namespace") or "", str)
        and all(_is_reference(private.get(name) or {}) for name in _REFERENCES)
    )
    if not fits:
        raise status.unauthorized()
    return claims


def check_times(claims: Object) -> None:
    """Neither before its time nor after it. Raises RefusedTokenError."""
    now = time.time()
    if (claims.get("nbf") or 0) > now + LEEWAY_SECONDS:
        raise RefusedTokenError("service account token is not valid yet")
    if claims.get("exp") is not None and now - LEEWAY_SECONDS > claims["exp"]:
        raise RefusedTokenError("service account token has expired")
    if (claims.get("iat") or 0) > now + LEEWAY_SECONDS:
        raise RefusedTokenError("service account token is issued in the future")


def _is_time(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name) or "", str) for name in ("name", "uid"))
