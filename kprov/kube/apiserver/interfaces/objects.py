"""Protocols of stored objects, for plugins that read or write them. The registry's stores implement them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

#: (type, object). The type is ADDED, MODIFIED or DELETED. The object is shared and must not be changed.
OnChange = Callable[[str, JsonObject], None]
#: From the stored object (None: it does not exist) to the new one. Called again after a conflict.
Change = Callable[[JsonObject | None], JsonObject]
#: Finds the PodTemplateSpec of a workload; None if the object has none.
FindTemplate = Callable[[JsonObject], JsonObject | None]


class CacheReader(Protocol):
    """Reads the watch cache of one resource. It never waits, so it may be a moment behind etcd.

    `namespace` is "" for cluster-scoped resources.
    """

    @property
    def synced(self) -> bool:
        """Whether the cache has been filled once."""

    def get(self, namespace: str, name: str) -> JsonObject | None:
        """Return a new dict for each call, which the caller may change."""

    def list(self, namespace: str | None = None) -> list[JsonObject]:
        """Return the objects of a namespace or of all (None), as new dicts."""

    def get_shared(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """As `get`, but the dict is shared and must not be changed."""

    def list_shared(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        """As `list`, but the dicts are shared and must not be changed."""

    def on_change(self, callback: OnChange) -> None:
        """Call back for each object (ADDED), then for each change, in order, on the event loop."""


class ObjectReader(Protocol):
    """Reads the objects of one resource from the watch cache, and can wait until the cache is fresh."""

    @property
    def resource(self) -> Resource: ...

    @property
    def lister(self) -> CacheReader: ...

    async def catch_up(self) -> int:
        """Wait until the cache is as new as etcd. Returns its revision. Raises StatusError on timeout."""


class ObjectWriter(ObjectReader, Protocol):
    """Also writes the objects of one resource. Raises StatusError."""

    async def create(self, context: RequestContext, namespace: str, obj: JsonObject) -> JsonObject:
        """Create an object and return it as stored."""

    async def update(
        self,
        context: RequestContext,
        namespace: str,
        name: str,
        change: Change,
        *,
        subresource: str = "",
        admit: bool = True,
    ) -> tuple[JsonObject, bool]:
        """Change an object, and retry while others change it. Returns (object, whether it was created).

        A resourceVersion in the result of `change` is a precondition (Conflict).
        `admit`=False leaves admission out.
        """


class ObjectStores(Protocol):
    """Access to all stored resources. Only what builds plugins takes it; a plugin takes what it uses."""

    @property
    def template_finders(self) -> Mapping[tuple[str, str], FindTemplate]:
        """By (group, plural) of the kinds with a pod template."""

    def store(self, group: str, plural: str) -> ObjectWriter:
        """Return the store of a resource. Raises KeyError if the resource is not stored."""

    def find_kind(self, group: str, version: str, kind: str) -> Resource | None:
        """Return the served resource whose objects have that kind, None if there is none."""
