"""The points where the API server's parts meet; app.py builds the parts in this order and wires them.

authn.build(options, registry) -> Authenticator
authz.build(options, registry) -> Authorizer
admission.build(options, registry) -> Admission
registry.strategies.for_resource(resource) -> Strategy
registry.strategies.hooks_for(resource, options, registry) -> Hooks
subresources.build(options, registry, authenticator, authorizer) -> SubresourceHandlers
bootstrap.post_start_hooks(options, registry) -> Sequence[PostStartHook]

`options` is the parsed flags (argparse.Namespace: options.client_ca_file ...), `registry` the
registry.registry.Registry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, Subresource

if TYPE_CHECKING:
    from kprov.kube.apiserver.registry.registry import Registry
    from kprov.kube.component_base.http11.answer import Answer
    from kprov.kube.component_base.http11.request import Request


class Authenticator(Protocol):
    """Who sent this request?"""

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


@dataclass(frozen=True, slots=True)
class Reply:
    """An object to be sent as the client asked for it (JSON, YAML, Table), with an HTTP status."""

    obj: JsonObject
    status: int = 200


@dataclass(slots=True)
class Call:
    """One request to a subresource, or to a resource that is never stored (reviews, bindings).

    `query` holds the request's query parameters (first value wins). `request` gives headers, method, body
    stream and transport; a handler that streams or upgrades starts its own Stream and returns it.
    `tail` is the path behind the subresource ("/healthz" in .../proxy/healthz), "" where there is none.
    """

    request: Request
    context: RequestContext
    registry: Registry
    admission: Admission
    resource: Resource
    subresource: Subresource | None
    namespace: str
    name: str
    query: Mapping[str, str]
    tail: str = ""
    read_object: Callable[[], Awaitable[JsonObject]] = field(kw_only=True)
    """The decoded body, checked against the subresource's kind; raises StatusError 400, 413, 415."""
    patch_object: Callable[[JsonObject], Awaitable[JsonObject]] = field(kw_only=True)
    """For PATCH: the given object (in the subresource's kind) with the request's patch applied."""


#: Gives a Reply, or a response that it has sent itself. Verb: call.context.info.verb.
SubresourceHandler = Callable[[Call], Awaitable["Reply | Answer"]]

#: By (group, plural, subresource); subresource "" for resources that are only created (TokenReview ...).
#: /status of every resource and /finalize of namespaces are served by the server itself and need no entry.
SubresourceHandlers = Mapping[tuple[str, str, str], SubresourceHandler]


@dataclass(frozen=True, slots=True)
class PostStartHook:
    """Work that begins once the server listens. `run` may go on until it is cancelled.

    /readyz has a check "poststarthook/NAME" that passes once `run` has called `done` (or returned).
    """

    name: str
    run: Callable[[Callable[[], None]], Awaitable[None]]
