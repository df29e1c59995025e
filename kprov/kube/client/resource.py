"""Requests for one API resource, decoded into typed views."""

import builtins
import copy
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
import orjson

from kprov.kube.api.decoding import ViewDecoder
from kprov.kube.api.meta import ListMeta, ResourceVersion, View
from kprov.kube.client.api_connection import ApiConnection
from kprov.kube.client.errors import ApiError

Object = TypeVar("Object")

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
JSON_PATCH: Final = "application/json-patch+json"

_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_INITIAL_END: Final = "k8s.io/initial-events-end"
_LIST_TIMEOUT_SECONDS: Final = 60.0
# Longer than the server's own time for a request, so that its error says what happened.
_COLLECTION_TIMEOUT_SECONDS: Final = 90.0
_NO_VERSION: Final = ResourceVersion("")


class ObjectList(msgspec.Struct, Generic[Object]):
    """The response to a list. Items have no apiVersion and kind, as on the wire."""

    items: list[Object] | None = None
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)

    @property
    def resource_version(self) -> ResourceVersion:
        return self.metadata.resource_version

    def __iter__(self) -> Any:
        return iter(self.items or [])


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[Object]):
    """type: ADDED, MODIFIED or DELETED."""

    type: str
    object: Object


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The server has sent all changes up to `resource_version`."""

    resource_version: ResourceVersion
    #: The objects that were there when the watch began have all been sent.
    ends_initial_events: bool = False


class _BookmarkMeta(View):
    resource_version: ResourceVersion = ResourceVersion("")
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class _BookmarkObject(msgspec.Struct):
    """An object of the watched kind with nothing but its resource version."""

    metadata: _BookmarkMeta


class _Envelope(msgspec.Struct):
    type: str
    object: msgspec.Raw


_BOOKMARKS: Final = ViewDecoder(_BookmarkObject)


class ResourceClient(Generic[Object]):
    """Verbs on one resource. namespace None: cluster-scoped, or all namespaces for list and watch.

    All methods raise ApiError and TransportError.
    """

    def __init__(
        self, client: ApiConnection, group: str, version: str, plural: str, view: type[Object]
    ) -> None:
        self.client = client
        self.group = group
        self.version = version
        self.plural = plural
        self.view = view
        self._root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        self._decoder = ViewDecoder(view)
        self._lists: ViewDecoder[ObjectList[Object]] = ViewDecoder(ObjectList[view])  # type: ignore[valid-type]
        self._metadata_only = bool(getattr(view, "metadata_only", False))

    def with_client(self, client: ApiConnection) -> "ResourceClient[Object]":
        """Return the same resource with another connection or identity."""
        other = copy.copy(self)
        other.client = client
        return other

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        parts = [self._root]
        if namespace:
            parts.append(f"namespaces/{namespace}")
        parts.extend(part for part in (self.plural, name, subresource) if part)
        return "/".join(parts)

    def decode(self, content: bytes) -> Object:
        return self._decoder.decode(content)

    async def get(self, name: str, *, namespace: str | None = None, subresource: str = "") -> Object:
        headers = {"Accept": _METADATA} if self._metadata_only else None
        return self.decode(
            await self.client.request("GET", self.path(namespace, name, subresource), headers=headers)
        )

    async def list(
        self,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: ResourceVersion | None = None,
        limit: int = 0,
        continue_: str = "",
    ) -> ObjectList[Object]:
        """One page. resource_version: None asks for the newest state, "0" accepts a cached one."""
        params = _selector_params(label_selector, field_selector)
        if resource_version is not None:
            params["resourceVersion"] = resource_version
        if limit:
            params["limit"] = limit
        if continue_:
            params["continue"] = continue_
        content = await self.client.request(
            "GET",
            self.path(namespace),
            params=params,
            headers={"Accept": _METADATA_LIST} if self._metadata_only else None,
            timeout=_LIST_TIMEOUT_SECONDS,
        )
        return self._lists.decode(content)

    async def create(
        self,
        obj: Object | dict[str, Any],
        *,
        namespace: str | None = None,
        name: str = "",
        subresource: str = "",
        field_manager: str = "",
    ) -> Object:
        """`name` only with a subresource (binding, eviction, token)."""
        return self.decode(
            await self.client.request(
                "POST",
                self.path(namespace, name, subresource),
                body=self._to_document(obj, subresource),
                params={"fieldManager": field_manager} if field_manager else None,
            )
        )

    async def update(
        self, obj: Object | dict[str, Any], *, subresource: str = "", namespace: str | None = None
    ) -> Object:
        """Replace an object by a complete document. Views drop fields: patch these instead."""
        name, own = _name_of(obj)
        path = self.path(namespace or own, name, subresource)
        return self.decode(await self.client.request("PUT", path, body=self._to_document(obj, subresource)))

    async def patch(
        self,
        name: str,
        body: dict[str, Any] | builtins.list[Any],
        *,
        namespace: str | None = None,
        patch_type: str = MERGE_PATCH,
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> Object:
        params: dict[str, str | bool] = {}
        if field_manager:
            params["fieldManager"] = field_manager
        if force:
            params["force"] = True
        return self.decode(
            await self.client.request(
                "PATCH",
                self.path(namespace, name, subresource),
                body=orjson.dumps(body),
                params=params,
                headers={"Content-Type": patch_type},
            )
        )

    async def delete(
        self,
        name: str,
        *,
        namespace: str | None = None,
        grace_period_seconds: int | None = None,
        preconditions_uid: str | None = None,
        preconditions_resource_version: str | None = None,
        propagation_policy: str | None = None,
    ) -> None:
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        preconditions = {"uid": preconditions_uid, "resourceVersion": preconditions_resource_version}
        if any(preconditions.values()):
            options["preconditions"] = {key: value for key, value in preconditions.items() if value}
        if propagation_policy is not None:
            options["propagationPolicy"] = propagation_policy
        await self.client.request("DELETE", self.path(namespace, name), body=options)

    async def delete_collection(
        self, *, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> None:
        params = _selector_params(label_selector, field_selector)
        await self.client.request(
            "DELETE",
            self.path(namespace),
            body={"kind": "DeleteOptions", "apiVersion": "v1"},
            params=params,
            timeout=_COLLECTION_TIMEOUT_SECONDS,
        )

    async def watch(
        self,
        namespace: str | None = None,
        *,
        resource_version: ResourceVersion = _NO_VERSION,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 300,
        bookmarks: bool = False,
        initial_events: bool = False,
    ) -> AsyncGenerator[WatchEvent[Object] | Bookmark]:
        """Change after `resource_version` until the server ends the watch, at the latest at the timeout.

        initial_events: first send all objects, and a bookmark after them; `resource_version` has to be "".
        Raises an ERROR event as ApiError (410: list again).
        """
        params = _selector_params(label_selector, field_selector)
        params |= {"watch": 1, "timeoutSeconds": timeout_seconds}
        if bookmarks:
            params["allowWatchBookmarks"] = True
        if resource_version:
            params["resourceVersion"] = resource_version
        if initial_events:
            params |= {"sendInitialEvents": True, "resourceVersionMatch": "NotOlderThan"}
        envelopes = msgspec.json.Decoder(_Envelope)
        async with self.client.stream(
            self.path(namespace),
            params=params,
            headers={"Accept": _METADATA} if self._metadata_only else None,
            idle_timeout=timeout_seconds + 30.0,
        ) as pieces:
            rest = b""
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line:
                        event = envelopes.decode(line)
                        if event.type == "ERROR":
                            status = orjson.loads(bytes(event.object))
                            raise ApiError(status, int(status.get("code") or 500))
                        if event.type == "BOOKMARK":
                            metadata = _BOOKMARKS.decode(event.object).metadata
                            yield Bookmark(
                                metadata.resource_version, metadata.annotations.get(_INITIAL_END) == "true"
                            )
                        else:
                            yield WatchEvent(event.type, self._decoder.decode(event.object))

    def _to_document(self, obj: Object | dict[str, Any], subresource: str) -> dict[str, Any]:
        """Return the document with apiVersion and kind, which views may not have."""
        document: dict[str, Any] = obj if isinstance(obj, dict) else msgspec.to_builtins(obj)
        if document.get("kind") or subresource or isinstance(obj, dict):
            return document
        return {**document, "apiVersion": self.api_version, "kind": type(obj).__name__}


def _selector_params(label_selector: str, field_selector: str) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if label_selector:
        params["labelSelector"] = label_selector
    if field_selector:
        params["fieldSelector"] = field_selector
    return params


def _name_of(obj: Any) -> tuple[str, str | None]:
    if isinstance(obj, Mapping):
        return obj["metadata"]["name"], obj["metadata"].get("namespace")
    return obj.metadata.name, obj.metadata.namespace or None
