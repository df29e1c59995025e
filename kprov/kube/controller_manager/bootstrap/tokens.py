"""Reads secrets of bootstrap tokens (cluster-bootstrap/util/secrets)."""

import base64
import binascii
import re
from typing import Final

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

NAMESPACE: Final = "kube-system"
SECRET_TYPE: Final = "bootstrap.kubernetes.io/token"  # noqa: S105  a type's name
_NAME: Final = re.compile(r"bootstrap-token-([a-z0-9]{6})")


def read_value(secret: JsonObject, key: str) -> str:
    """Return a value of the secret's data; empty if there is none."""
    try:
        return base64.b64decode((secret.get("data") or {}).get(key, "")).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def compute_seconds_left(secret: JsonObject, now: float) -> float | None:
    """Return seconds until the token expires, 0 if it has; None if it never does.

    A time that cannot be read counts as past.
    """
    text = read_value(secret, "expiration")
    if not text:
        return None
    try:
        return max(0.0, timestamps.seconds(text) - now)
    except ValueError:
        return 0.0


def find_signing_token(secret: JsonObject, now: float) -> tuple[str, str] | None:
    """Return id and secret of a token that may sign; None for others."""
    match = _NAME.fullmatch(secret["metadata"]["name"])
    identity, private = read_value(secret, "token-id"), read_value(secret, "token-secret")
    if match is None or match[1] != identity or not private:
        return None
    if compute_seconds_left(secret, now) == 0 or read_value(secret, "usage-bootstrap-signing") != "true":
        return None
    return identity, private
