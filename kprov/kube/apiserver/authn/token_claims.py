"""The claims of a service account token: their types and times.

Source: upstream pkg/serviceaccount/claims.go and go-jose's jwt.Claims.
"""

from __future__ import annotations

import json
import time
from typing import Final

import msgspec

from kprov.kube.api.service_account_claims import Claims, LegacyClaims
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

#: The allowed difference of clocks in seconds, upstream's jwt.DefaultLeeway.
LEEWAY_SECONDS: Final = 60
_TIMES: Final = ("nbf", "exp", "iat")
_MOST: Final = 2**63


class RefusedTokenError(status.StatusError):
    """A 401 for an invalid token. `text` is the error of a TokenReview."""

    def __init__(self, text: str) -> None:
        super().__init__(status.unauthorized().status)
        self.text = text


def decode(payload: bytes, *, is_legacy: bool = False) -> JsonObject:
    """Decode the claims of a verified token. Raise RefusedTokenError for a wrong type."""
    claims: JsonObject = json.loads(payload)
    try:
        msgspec.convert(claims, LegacyClaims if is_legacy else Claims)
    except msgspec.ValidationError as error:
        raise RefusedTokenError(f"invalid claims: {error}") from None
    for name in _TIMES:
        if claims.get(name) is not None:
            claims[name] = _truncate(claims[name])
    return claims


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
