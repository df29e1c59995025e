"""The request to a subresource, which its handler gets, and the reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kprov.kube.apiserver.interfaces import Admission
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, Subresource

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.request import Request
    from kprov.kube.component_base.http11.response import BaseResponse

#: Changes the subresource's present object to the requested one. A store calls it again after a conflict.
Change = Callable[[JsonObject], JsonObject]


@dataclass(frozen=True, slots=True)
class Reply:
    """An object for the client in the negotiated form (JSON, YAML, Table), with an HTTP status."""

    obj: JsonObject
    status: int = 200


@dataclass(slots=True)
class Call:
    """One request to a subresource, or to a resource that is never stored (reviews, bindings).

    `query` holds the request's query parameters (first value wins). `request` gives headers, method, body
    stream and transport; a handler that streams or upgrades starts its own StreamResponse and returns it.
    `tail` is the path behind the subresource ("/healthz" in .../proxy/healthz), or "".
    """

    request: Request
    context: RequestContext
    registry: Registry
    admission: Admission
    resource: Resource
    subresource: Subresource | None
    query: Mapping[str, str]
    tail: str = ""
    read_object: Callable[[], Awaitable[JsonObject]] = field(kw_only=True)
    """The decoded body, checked against the subresource's kind; raises StatusError 400, 413, 415."""
    read_change: Callable[[], Awaitable[Change]] = field(kw_only=True)
    """For PUT and PATCH: reads the body once and returns the change. Raises as read_object, and 422."""

    @property
    def namespace(self) -> str:
        """The namespace that the path names, "" without one."""
        return self.context.info.namespace

    @property
    def name(self) -> str:
        """The name of the object in the path, "" without one."""
        return self.context.info.name


#: Returns a Reply, or a response that it has sent itself. Verb: call.context.info.verb.
SubresourceHandler = Callable[[Call], Awaitable["Reply | BaseResponse"]]

#: By (group, plural, subresource); subresource "" for resources that are only created (TokenReview ...).
#: /status of every resource and /finalize of namespaces are served by the server itself and need no entry.
SubresourceHandlers = Mapping[tuple[str, str, str], SubresourceHandler]
