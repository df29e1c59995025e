"""Paths that are not resources: discovery, OpenAPI, /version and the list of paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
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

#: /version and the list of paths have this form only.
_INDENTED: Final = negotiation.Form(pretty=True)
_LISTS: Final = {"/", "/index.html"}


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
        self._snapshot: Snapshot | None = None
        self._openapi: OpenApi | None = None
        self._follow_kinds()
        self._zpages = Zpages(flags, self._list_paths())

    def _follow_kinds(self) -> None:
        if self._snapshot is self._kinds.current:
            return
        self._snapshot = self._kinds.current
        self._resources = tuple(kind.resource for kind in self._snapshot.kinds if self._has_handler(kind))
        self._discovery = Discovery(self._resources, self._address)
        schemas = {
            kind.resource.gvk: kind.schema
            for kind in self._snapshot.kinds
            if isinstance(kind, StoredKind) and kind.store.strategy.is_custom
        }
        self._openapi = OpenApi(self._resources, schemas, self._openapi)

    async def answer(self, request: Request) -> Response | None:
        """Return the response for a path, or None."""
        self._follow_kinds()
        path = request.path.rstrip("/")
        if request.path in _LISTS:
            path = "/"
        elif not path:
            return None
        if request.path in zpages.PATHS:
            return self._zpages.answer(request)
        if path.startswith("/openapi/"):
            assert self._openapi is not None
            return await self._openapi.answer(request, request.path)
        if path in {"/", "/version"} or self._discovery.has(path):
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
        return await self._answer_discovery(request, path)

    async def _answer_discovery(self, request: Request, path: str) -> Response | None:
        plain = self._discovery.find_plain(path)
        if plain is None:
            return None
        aggregated = self._discovery.find_aggregated(path, request.headers.get("Accept", ""))
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
        for resource in self._resources:
            paths.add(resource.api_path)
            if resource.group:
                paths.add(f"/apis/{resource.group}")
        return sorted(paths)
