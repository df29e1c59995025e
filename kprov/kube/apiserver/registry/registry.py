"""The stores of a server, by resource, and the kinds that it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.interfaces.objects import FindTemplate
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.podspec.template_strategy import TemplateStrategy
from kprov.kube.apiserver.registry.served_kind import ServedKind, StoredKind
from kprov.kube.apiserver.registry.served_kinds import ServedKinds
from kprov.kube.apiserver.storage.interface import Storage
from kprov.kube.machinery.conversion import table as conversions
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, list_resources
from kprov.kube.machinery.schema import object_schema


class Registry:
    """All stores, one for each stored resource."""

    def __init__(self, stores: Sequence[Store], storage: Storage, cacher: Cacher) -> None:
        self.stores: Mapping[Resource, Store] = {store.resource: store for store in stores}
        self._by_name = {(store.resource.group, store.resource.plural): store for store in stores}
        #: By (group, plural) of the kinds with a pod template.
        self.template_finders: Mapping[tuple[str, str], FindTemplate] = {
            (store.resource.group, store.resource.plural): store.strategy.find_template
            for store in stores
            if isinstance(store.strategy, TemplateStrategy)
        }
        self.storage = storage
        self.cacher = cacher

    @cached_property
    def kinds(self) -> ServedKinds:
        """The served kinds. Use them only after the hooks of all stores are set: views copy their store."""
        return ServedKinds(self._list_built_in_kinds())

    def _list_built_in_kinds(self) -> Iterator[ServedKind]:
        types = object_schema.builtin()
        for resource in list_resources():
            conversion = conversions.find_conversion(resource)
            stored = resource if conversion is None else conversions.stored_resource(resource)
            store = self.stores.get(stored)
            if store is None:
                yield ServedKind(resource, types)
            else:
                view = store if conversion is None else store.with_resource(resource)
                yield StoredKind(resource, types, view, conversion)

    def store(self, group: str, plural: str) -> Store:
        """Return the store of a resource. Raises KeyError if the resource is not stored."""
        store = self.find(group, plural)
        if store is None:
            raise KeyError((group, plural))
        return store

    def find(self, group: str, plural: str) -> Store | None:
        """Return the store of a resource, also of a custom one. None if the resource is not stored."""
        store = self._by_name.get((group, plural))
        if store is None and "." in group:
            kind = self.kinds.current.find_resource(group, plural)
            return kind.store if isinstance(kind, StoredKind) else None
        return store

    def find_resource(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource that is served at a path, None if there is none."""
        kind = self.kinds.current.find(group, version, plural)
        return None if kind is None else kind.resource

    def find_kind(self, group: str, version: str, kind: str) -> Resource | None:
        """Return the served resource whose objects have that kind, None if there is none."""
        served = self.kinds.current.find_kind(group, version, kind)
        return None if served is None else served.resource

    def fill_defaults(self, group: str, version: str, plural: str, obj: JsonObject) -> None:
        """Add the defaults of the stored version. Objects of other versions stay as they are.

        An object of a wrong shape raises TypeError, AttributeError, KeyError or ValueError.
        """
        store = self.find(group, plural)
        if store is not None and store.resource.version == version:
            store.strategy.default(obj)

    def count_objects(self, group: str, plural: str) -> int | None:
        """How many objects the watch cache has; None for a resource that is not stored."""
        store = self.find(group, plural)
        return None if store is None else store.cache.count()

    def list_stores(self) -> Iterator[Store]:
        """Yield the stores of all resources, of custom ones too. Each resource has one."""
        yield from self.stores.values()
        custom = {
            (kind.resource.group, kind.resource.plural): kind.store
            for kind in self.kinds.current.kinds
            if isinstance(kind, StoredKind) and kind.store.strategy.is_custom
        }
        yield from custom.values()

    def resources(self) -> Sequence[Resource]:
        return list(self.stores)
