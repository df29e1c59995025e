"""Objects by namespace and name, with indexes (client-go's Indexer)."""

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from kprov.kube.api.meta import ResourceVersion
from kprov.kube.client.label_index import LabelIndex

Object = TypeVar("Object")
IndexFunction = Callable[[Any], Iterable[str]]


class Store(Generic[Object]):
    """All readers share the objects and must not change them."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Object]] = {}
        self._functions: dict[str, IndexFunction] = {}
        # Index name, value, key: object. Dicts keep the order of arrival.
        self._indexes: dict[str, dict[str, dict[tuple[str, str], Object]]] = {}
        # None until something looks for labels.
        self._labels: LabelIndex[Object] | None = None

    def add_indexers(self, indexers: Mapping[str, IndexFunction]) -> None:
        for name, function in indexers.items():
            if name not in self._functions:
                self._functions[name] = function
                self._indexes[name] = {}
                for obj in self:
                    self._index(name, key_of(obj), obj)

    def get(self, namespace: str | None, name: str) -> Object | None:
        return self._objects.get(namespace or "", {}).get(name)

    def list(self, namespace: str | None = None) -> builtins.list[Object]:
        return list(self) if namespace is None else list(self._objects.get(namespace, {}).values())

    def by_index(self, index: str, value: str) -> builtins.list[Object]:
        return list(self._indexes[index].get(value, {}).values())

    def with_labels(self, namespace: str, labels: Mapping[str, str]) -> builtins.list[Object]:
        """Return the objects of the namespace that have all these labels."""
        if self._labels is None:
            self._labels = LabelIndex()
            for obj in self:
                self._labels.put(key_of(obj), None, obj)
        return self._labels.select(namespace, labels)

    def index_values(self, index: str) -> builtins.list[str]:
        return list(self._indexes[index])

    def all_keys(self) -> builtins.list[tuple[str, str]]:
        return [(namespace, name) for namespace, group in self._objects.items() for name in group]

    def put(self, obj: Object) -> Object | None:
        """Store an object and return the one it replaces."""
        key = key_of(obj)
        group = self._objects.setdefault(key[0], {})
        old = group.get(key[1])
        if old is not None:
            self._unindex(key, old)
        group[key[1]] = obj
        for name in self._functions:
            self._index(name, key, obj)
        if self._labels is not None:
            self._labels.put(key, old, obj)
        return old

    def remove(self, namespace: str, name: str) -> Object | None:
        group = self._objects.get(namespace, {})
        old = group.pop(name, None)
        if old is not None:
            self._unindex((namespace, name), old)
            if self._labels is not None:
                self._labels.remove((namespace, name), old)
        if not group:
            self._objects.pop(namespace, None)
        return old

    def __iter__(self) -> Iterator[Object]:
        for group in list(self._objects.values()):
            yield from list(group.values())

    def __len__(self) -> int:
        return sum(len(group) for group in self._objects.values())

    def _index(self, name: str, key: tuple[str, str], obj: Object) -> None:
        for value in self._functions[name](obj):
            self._indexes[name].setdefault(value, {})[key] = obj

    def _unindex(self, key: tuple[str, str], obj: Object) -> None:
        for name, function in self._functions.items():
            index = self._indexes[name]
            for value in function(obj):
                if (entries := index.get(value)) is not None:
                    entries.pop(key, None)
                    if not entries:
                        del index[value]


def key_of(obj: Any) -> tuple[str, str]:
    """(namespace, name) of a view or a document; the namespace of cluster-scoped objects is ""."""
    if isinstance(obj, dict):
        meta = obj["metadata"]
        return meta.get("namespace") or "", meta["name"]
    return obj.metadata.namespace, obj.metadata.name


def resource_version_of(obj: Any) -> ResourceVersion:
    if isinstance(obj, dict):
        return ResourceVersion(obj["metadata"].get("resourceVersion") or "")
    return ResourceVersion(obj.metadata.resource_version)


def split_key(key: str) -> tuple[str, str]:
    """(namespace, name) of "ns/name" or "name"."""
    namespace, _, name = key.rpartition("/")
    return namespace, name
