"""Protocols of authentication, authorization and admission, which layers below them call.

app.py builds the implementations: authn.build, authz.build and admission.build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource


class Authenticator(Protocol):
    """Finds the user who sent a request."""

    async def authenticate(self, headers: Mapping[str, str], shown: tuple[bytes, ...]) -> UserInfo | None:
        """The user, None when the request has no credentials (the server then decides on anonymous).

        headers: case-insensitive (multidict). shown: the client's certificate in DER and those that it has
        sent along, () for none. The TLS handshake has verified them against --client-ca-file or
        --requestheader-client-ca-file (which of both is for the authenticator to find out).
        Raises StatusError 401 for credentials that are wrong.
        """


class Decision(Enum):
    """An authorizer's word; NO_OPINION of all authorizers together is a refusal."""

    ALLOW = "allow"
    DENY = "deny"
    NO_OPINION = "no opinion"


class Authorizer(Protocol):
    """May this user do this? Called for every request; must answer from memory."""

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        """The decision and its reason (shown to the user in the 403's text)."""


@dataclass(slots=True)
class Attributes:
    """One operation on its way to storage.

    operation: CREATE, UPDATE, DELETE or CONNECT. obj is the new object (None for DELETE), changed in place by
    mutating plugins; old the stored one (None for CREATE). options: the decoded CreateOptions and so on.
    """

    context: RequestContext
    operation: str
    resource: Resource
    subresource: str
    namespace: str
    name: str
    obj: JsonObject | None
    old: JsonObject | None
    options: JsonObject
    #: While there is no name: mutating plugins run before one is made of it.
    generate_name: str = ""
    #: The resource as the client asked for it, where that is another group's or version's.
    asked: Resource | None = None


class Admission(Protocol):
    """The whole chain; raises StatusError to refuse."""

    async def admit(self, attributes: Attributes) -> None:
        """Mutating phase; may change attributes.obj in place."""

    async def validate(self, attributes: Attributes) -> None:
        """Validating phase."""

    def handles(self, resource: Resource, operation: str) -> bool:
        """Whether any plugin looks at it; False lets the store skip building Attributes."""
