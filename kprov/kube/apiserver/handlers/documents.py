"""Paths that are not resources: discovery, OpenAPI, /version and the list of paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.handlers import responses
from kprov.kube.apiserver.handlers.discovery import Discovery, is_routed
from kprov.kube.apiserver.handlers.nonresource import zpages
from kprov.kube.apiserver.handlers.nonresource.openapi import V2, V3, OpenApi
from kprov.kube.apiserver.handlers.nonresource.zpages import Zpages
from kprov.kube.apiserver.registry.served_kind import ServedKind, StoredKind
from kprov.kube.apiserver.registry.served_kinds import ServedKinds, Snapshot
from kprov.kube.apiserver.request import negotiation
from kprov.kube.component_base import build_info
from kprov.kube.component_base.build_metric import build_version
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.machinery import status
from kprov.kube.machinery.resources import Resource

#: /version and the list of paths have this form only.
_INDENTED: Final = negotiation.Form(pretty=True)
_LISTS: Final = {"/", "/index.html"}


@dataclass(frozen=True, slots=True)
class _Built:
    """What was built for a snapshot."""

    snapshot: Snapshot
    resources: tuple[Resource, ...]
    discovery: Discovery
    openapi: OpenApi


class Documents:
    """The documents of the present kinds. Those of changed kinds are built at the next request."""

    def __init__(
        self,
        kinds: ServedKinds,
        has_handler: Callable[[ServedKind], bool],
        address: str,
        flags: Mapping[str, str],
        others: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """has_handler: whether documents show a kind. flags: values by name, for /flagz.

        others: returns the paths of other parts of the server.
        """
        self._kinds = kinds
        self._has_handler = has_handler
        self._address = address
        self._others = others
        self._lock = asyncio.Lock()
        self._built = _build(kinds.current, has_handler, address, None)
        self._zpages = Zpages(flags, self._list_paths())

    async def _follow_kinds(self) -> None:
        """Build what depends on the kinds again, in a thread: a server may have a thousand of them."""
        if self._built.snapshot is self._kinds.current:
            return
        async with self._lock:
            if self._built.snapshot is not self._kinds.current:
                self._built = await asyncio.to_thread(
                    _build, self._kinds.current, self._has_handler, self._address, self._built.openapi
                )

    async def answer(self, request: Request) -> Response | None:
        """Return the response for a path, or None."""
        await self._follow_kinds()
        built = self._built
        path = request.path.rstrip("/")
        if request.path in _LISTS:
            path = "/"
        elif not path:
            return None
        if request.path in zpages.PATHS:
            return self._zpages.answer(request)
        if path.startswith("/openapi/"):
            return await built.openapi.answer(request, request.path)
        if path in {"/", "/version"} or built.discovery.has(path):
            # Upstream's handlers of the other paths ignore the method.
            if request.method != "GET" and path != "/" and is_routed(path):
                raise status.method_not_allowed()
        elif request.method not in {"GET", "HEAD"}:
            return None
        if path == "/version":
            negotiation.check_route(request.headers.get("Accept") or "*/*", (negotiation.JSON,))
            made_of = await asyncio.to_thread(build_info.get_build_info)
            return responses.build_document(build_version(made_of), _INDENTED)
        if path == "/":
            return responses.build_document({"paths": self._list_paths()}, _INDENTED)
        return await self._answer_discovery(request, path, built.discovery)

    async def _answer_discovery(self, request: Request, path: str, discovery: Discovery) -> Response | None:
        plain = discovery.find_plain(path)
        if plain is None:
            return None
        aggregated = discovery.find_aggregated(path, request.headers.get("Accept", ""))
        if aggregated is None:
            routed = is_routed(path)
            form = negotiation.negotiate(request, request.query, transforms=False, is_routed=routed)
            return await responses.compress(request, responses.build_document(plain, form))
        document, media_type, etag = aggregated
        headers = {"ETag": etag, "Vary": "Accept", "Cache-Control": "public"}
        if request.headers.get("If-None-Match") == etag:
            return Response(status=304, headers=headers)
        indented = negotiation.is_pretty(request, request.query)
        form = negotiation.Form(media_type.partition(";")[0], pretty=indented)
        response = responses.build_document(document, form)
        response.headers.update(headers | {"Content-Type": media_type})
        return await responses.compress(request, response)

    def _list_paths(self) -> list[str]:
        paths = {
            "/api",
            "/apis",
            "/apis/",
            "/metrics",
            "/metrics/slis",
            V2,
            V3,
            f"{V3}/",
            "/version",
            *zpages.PATHS,
            *self._others(),
        }
        for resource in self._built.resources:
            paths.add(resource.api_path)
            if resource.group:
                paths.add(f"/apis/{resource.group}")
        return sorted(paths)


def _build(
    snapshot: Snapshot, has_handler: Callable[[ServedKind], bool], address: str, before: OpenApi | None
) -> _Built:
    resources = tuple(kind.resource for kind in snapshot.kinds if has_handler(kind))
    custom = [
        kind for kind in snapshot.kinds if isinstance(kind, StoredKind) and kind.store.strategy.is_custom
    ]
    schemas = {kind.resource.gvk: kind.schema for kind in custom}
    digests = {kind.resource.gvk: kind.schema_digest for kind in custom}
    openapi = OpenApi(resources, schemas, digests, before)
    return _Built(snapshot, resources, Discovery(resources, address), openapi)
