"""A bearer token among the subprotocols of a WebSocket: browsers cannot set Authorization there.

Source: upstream staging/src/k8s.io/apiserver/pkg/authentication/request/websocket/protocol.go.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.machinery import status

_HEADER: Final = "Sec-WebSocket-Protocol"
#: The prefix of a subprotocol with a token.
PROTOCOL_PREFIX: Final = "base64url.bearer.authorization.k8s.io."
_ENCODED: Final = re.compile(r"[A-Za-z0-9_-]*")


def find_token(headers: Mapping[str, str]) -> str:
    """Return the token, or "".

    Raise StatusError 401 for two tokens, for one that is not unpadded base64url of UTF-8, and for one without
    another subprotocol, which the server could choose.
    """
    if _HEADER not in headers or headers.get("Upgrade", "").lower() != "websocket":
        return ""
    if not any("upgrade" in line.lower() for line in _list_values(headers, "Connection")):
        return ""
    offered = _list_protocols(headers)
    encoded_tokens = [
        protocol.removeprefix(PROTOCOL_PREFIX) for protocol in offered if protocol.startswith(PROTOCOL_PREFIX)
    ]
    if not encoded_tokens:
        return ""
    if len(encoded_tokens) > 1:
        raise status.unauthorized()
    token = _decode(encoded_tokens[0])
    if token and len(offered) == 1:
        raise status.unauthorized()
    return token


def remove_token(headers: Mapping[str, str]) -> None:
    """Remove the token from the subprotocols, so that it does not reach the backend."""
    changed: Any = headers
    changed[_HEADER] = ", ".join(
        protocol for protocol in _list_protocols(headers) if not protocol.startswith(PROTOCOL_PREFIX)
    )


def _list_protocols(headers: Mapping[str, str]) -> list[str]:
    return [protocol.strip() for line in _list_values(headers, _HEADER) for protocol in line.split(",")]


def _list_values(headers: Mapping[str, str], name: str) -> list[str]:
    many: Any = headers
    if hasattr(many, "getall"):
        return list(many.getall(name, ()))
    return [headers[name]] if name in headers else []


def _decode(text: str) -> str:
    if not _ENCODED.fullmatch(text):
        raise status.unauthorized()
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise status.unauthorized() from None
