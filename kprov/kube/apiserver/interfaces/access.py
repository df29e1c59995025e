"""Protocols of authentication and authorization."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from kprov.kube.apiserver.request import RequestInfo, UserInfo


class Authenticator(Protocol):
    """Finds the user who sent a request."""

    async def authenticate(self, headers: Mapping[str, str], shown: tuple[bytes, ...]) -> UserInfo | None:
        """Return the user; None for a request without credentials.

        headers: case-insensitive (multidict). shown: the client's certificate in DER and the others that it
        sent, () for none. The TLS handshake has verified them against the authorities of --client-ca-file and
        --requestheader-client-ca-file together. Raise StatusError 401 for wrong credentials.
        """


class Decision(Enum):
    """The decision of an authorizer. NO_OPINION of all authorizers rejects the request."""

    ALLOW = "allow"
    DENY = "deny"
    NO_OPINION = "no opinion"


class Authorizer(Protocol):
    """Decides whether a user may send a request. It is called for every request and must not block."""

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        """Return the decision and its reason, which the text of the 403 shows."""
