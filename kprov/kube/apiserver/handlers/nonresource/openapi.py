"""/openapi/v2 and /openapi/v3: OpenAPI documents with ETags.

Source: upstream k8s.io/kube-openapi pkg/handler and pkg/handler3.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property, partial
from typing import Final

import orjson

from kprov.kube.apiserver.request.negotiation import parse_media_types
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response
from kprov.kube.machinery.openapi import documents as openapi_documents
from kprov.kube.machinery.openapi import protobuf as openapi_protobuf
from kprov.kube.machinery.openapi.custom_schemas import Schemas
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema.object_schema import Gvk

V2: Final = "/openapi/v2"
V3: Final = "/openapi/v3"
JSON: Final = "application/json"
#: client-go sends the media type with an @, which RFC 6838 does not allow.
_PROTOBUF: Final = (
    openapi_protobuf.MEDIA_TYPE,
    openapi_protobuf.MEDIA_TYPE.replace("spec.v2.v1", "spec.v2@v1"),
)


@dataclass(frozen=True, slots=True)
class _GzippedDocument:
    """A compressed document; `etag` without quotes."""

    zipped: bytes
    etag: str


class _GroupVersion:
    """The resources of a group version. Its hash is computed once."""

    def __init__(self, resources: Sequence[Resource], digests: Mapping[Gvk, str]) -> None:
        self.resources = resources
        self._digests = {
            resource.gvk: digests[resource.gvk] for resource in resources if resource.gvk in digests
        }

    @cached_property
    def etag(self) -> str:
        return openapi_documents.etag(self.resources, self._digests)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _GroupVersion)
            and self.resources == other.resources
            and self._digests == other._digests
        )

    def __hash__(self) -> int:
        return hash(tuple(self.resources))


class OpenApi:
    """Builds each document at the first request, in a thread, and stores it compressed."""

    def __init__(
        self,
        resources: Sequence[Resource],
        schemas: Schemas | None = None,
        digests: Mapping[Gvk, str] | None = None,
        before: OpenApi | None = None,
    ) -> None:
        """schemas, digests: of custom resources. before: the documents of other kinds.

        Hashes and documents of a group version stay as long as its resources and digests do.
        """
        self._resources = tuple(resources)
        self._schemas = schemas or {}
        self._groups = {
            f"{V3}/{path}": _GroupVersion(held, digests or {})
            for path, held in openapi_documents.group_by_path(self._resources).items()
        }
        self._kept: dict[tuple[str, str], _GzippedDocument] = {}
        if before is not None:
            self._groups |= before.list_equal_groups(self._groups)
            self._kept = before.list_kept_groups(self._groups)
        self._lock = asyncio.Lock()

    def list_equal_groups(self, others: Mapping[str, _GroupVersion]) -> dict[str, _GroupVersion]:
        """List the group versions by path that equal those of other kinds."""
        return {path: group for path, group in self._groups.items() if others.get(path) == group}

    def list_kept_groups(self, paths: Container[str]) -> dict[tuple[str, str], _GzippedDocument]:
        """List the documents of group versions that were built, by path and media type."""
        return {key: kept for key, kept in self._kept.items() if key[0] in paths}

    async def answer(self, request: Request, path: str) -> Response | None:
        """Return the response for a path below /openapi, or None."""
        maker, etag = self._find_maker(path)
        if maker is None:
            return None
        media_type = _choose_media_type(request.headers.get("Accept", ""), is_v2=path == V2)
        if not media_type:
            return Response(status=406)
        kept = await self._document(path, media_type, maker, etag)
        headers = {
            "Content-Type": media_type,
            "ETag": f'"{kept.etag}"',
            "Vary": "Accept-Encoding, Accept",
            "Cache-Control": "no-cache, private",
        }
        asked = request.query.get("hash", "")
        if asked and etag:
            if asked != kept.etag:
                return Response(status=301, headers={"Location": f"{path}?hash={kept.etag}"})
            expires = datetime.now(UTC) + timedelta(days=365)
            headers["Cache-Control"] = "public, immutable"
            headers["Expires"] = format_datetime(expires, usegmt=True)
        if f'"{kept.etag}"' in request.headers.get("If-None-Match", ""):
            return Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(body=kept.zipped, headers=headers | {"Content-Encoding": "gzip"})
        return Response(body=await asyncio.to_thread(gzip.decompress, kept.zipped), headers=headers)

    async def _document(
        self, path: str, media_type: str, maker: Callable[[], bytes], etag: str
    ) -> _GzippedDocument:
        async with self._lock:
            kept = self._kept.get((path, media_type))
            if kept is None or (etag and kept.etag != etag):
                make = partial(_build_document, maker, etag, as_protobuf=media_type != JSON)
                self._kept[path, media_type] = await asyncio.to_thread(make)
        return self._kept[path, media_type]

    def _find_maker(self, path: str) -> tuple[Callable[[], bytes] | None, str]:
        """Return the function that builds the document of a path, and its ETag if it is known before."""
        if path == V2:
            return partial(openapi_documents.v2, self._resources, self._schemas), ""
        if path == V3:
            return self._build_index, ""
        group = self._groups.get(path)
        if group is None:
            return None, ""
        first = group.resources[0]
        maker = partial(openapi_documents.v3, first.group, first.version, group.resources, self._schemas)
        return maker, group.etag

    def _build_index(self) -> bytes:
        etags = {path.removeprefix(f"{V3}/"): group.etag for path, group in self._groups.items()}
        return orjson.dumps(openapi_documents.v3_index(etags))


def _choose_media_type(accept: str, *, is_v2: bool) -> str:
    """Return the first supported media type of the Accept header, or ""."""
    for media_type in parse_media_types(accept or "*/*"):
        if media_type in {"*/*", "application/*", JSON}:
            return JSON
        if is_v2 and media_type in _PROTOBUF:
            return openapi_protobuf.MEDIA_TYPE
    return ""


def _build_document(maker: Callable[[], bytes], etag: str, *, as_protobuf: bool) -> _GzippedDocument:
    body = maker()
    if as_protobuf:
        body = openapi_protobuf.encode(orjson.loads(body))
    etag = etag or hashlib.sha512(body, usedforsecurity=False).hexdigest().upper()
    return _GzippedDocument(gzip.compress(body, 6), etag)
