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
        """The user; None for a request without credentials.

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
        """The decision and its reason, which the text of the 403 shows."""


@dataclass(slots=True)
class Attributes:
    """One operation for admission.

    operation: CREATE, UPDATE, DELETE or CONNECT. obj: the new object (None for DELETE), which mutating
    plugins change in place. old: the stored one (None for CREATE). options: the decoded CreateOptions and
    so on.
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
    #: metadata.generateName of an object without a name: mutating plugins run before the name is generated.
    generate_name: str = ""
    #: The resource of the request, if it has another group or version.
    requested_resource: Resource | None = None


class Admission(Protocol):
    """The chain of admission plugins. Both phases raise StatusError to reject."""

    async def admit(self, attributes: Attributes) -> None:
        """Mutating phase; may change attributes.obj in place."""

    async def validate(self, attributes: Attributes) -> None:
        """Validating phase."""

    def handles(self, resource: Resource, operation: str) -> bool:
        """Whether any plugin handles the operation; otherwise the store builds no Attributes."""
