"""Objects with selectors by the labels that they select."""

import builtins
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from kprov.kube.client.informer import Informer
from kprov.kube.client.store import key_of

Object = TypeVar("Object")
_Values = tuple[str, ...]


class SelectorIndex(Generic[Object]):
    """Finds the objects whose selector requires no other labels than those an object has.

    Selectors of a namespace mostly require the same few keys. The index groups them by these keys, so that a
    search costs one look-up for each group.
    """

    def __init__(
        self, informer: Informer[Object], labels_of: Callable[[Object], Mapping[str, str] | None]
    ) -> None:
        """labels_of: the labels that the object's selector requires. None: it selects nothing."""
        self._informer = informer
        self._labels_of = labels_of
        # Namespace, keys of the labels, their values: names of objects.
        self._groups: dict[str, dict[_Values, dict[_Values, dict[str, None]]]] = {}
        informer.add_handler(on_add=self._add, on_update=self._update, on_delete=self._remove)

    def find(self, namespace: str, labels: Mapping[str, str]) -> builtins.list[Object]:
        """Return the objects of the namespace.

        Those with more than labels in their selector may not match.
        """
        names: builtins.list[str] = []
        for keys, group in self._groups.get(namespace, {}).items():
            try:
                values = tuple(labels[key] for key in keys)
            except KeyError:
                continue
            names += group.get(values, ())
        candidates = (self._informer.get(namespace, name) for name in names)
        return [obj for obj in candidates if obj is not None]

    def _add(self, obj: Object) -> None:
        labels = self._labels_of(obj)
        if labels is None:
            return
        (namespace, name), (keys, values) = key_of(obj), _split(labels)
        groups = self._groups.setdefault(namespace, {})
        groups.setdefault(keys, {}).setdefault(values, {})[name] = None

    def _update(self, old: Object, new: Object) -> None:
        if self._labels_of(old) != self._labels_of(new):
            self._forget(*key_of(old), self._labels_of(old))
            self._add(new)

    def _remove(self, obj: Object) -> None:
        self._forget(*key_of(obj), self._labels_of(obj))

    def _forget(self, namespace: str, name: str, labels: Mapping[str, str] | None) -> None:
        if labels is None:
            return
        keys, values = _split(labels)
        path: builtins.list[tuple[dict[Any, Any], Any]] = [(self._groups, namespace)]
        for key in (keys, values, name):
            inner = path[-1][0].get(path[-1][1])
            if inner is None:
                return
            path.append((inner, key))
        path[-1][0].pop(name, None)
        for parent, key in reversed(path[:-1]):
            if not parent[key]:
                del parent[key]


def _split(labels: Mapping[str, str]) -> tuple[_Values, _Values]:
    keys = tuple(sorted(labels))
    return keys, tuple(labels[key] for key in keys)
