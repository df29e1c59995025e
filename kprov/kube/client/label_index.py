"""Objects of a store by their labels.

The objects of one owner mostly have the same labels, so that the index holds each set of labels once.
"""

import builtins
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

Object = TypeVar("Object")
_LabelSet = frozenset[tuple[str, str]]


class LabelIndex(Generic[Object]):
    """Costs the objects found and the sets of labels with the selector's rarest label, not the namespace."""

    def __init__(self) -> None:
        self._namespaces: dict[str, _Namespace[Object]] = {}

    def put(self, key: tuple[str, str], old: Any, new: Object) -> None:
        """Add an object, or replace the one before it."""
        namespace = self._namespaces.setdefault(key[0], _Namespace())
        if old is not None:
            before, after = _labels_of(old), _labels_of(new)
            if before is after or before == after:
                namespace.replace(_make_set(after), key[1], new)
                return
            namespace.remove(_make_set(before), key[1])
        namespace.add(_make_set(_labels_of(new)), key[1], new)

    def remove(self, key: tuple[str, str], obj: Object) -> None:
        namespace = self._namespaces[key[0]]
        namespace.remove(_make_set(_labels_of(obj)), key[1])
        if not namespace.objects:
            del self._namespaces[key[0]]

    def select(self, namespace: str, labels: Mapping[str, str]) -> builtins.list[Object]:
        """Return the objects that have all these labels."""
        index = self._namespaces.get(namespace)
        return list(index.select(frozenset(labels.items()))) if index is not None else []


class _Namespace(Generic[Object]):
    def __init__(self) -> None:
        self.objects: dict[_LabelSet, dict[str, Object]] = {}
        # A label: the sets that have it. Dicts keep the order of arrival.
        self._sets: dict[tuple[str, str], dict[_LabelSet, None]] = {}

    def add(self, labels: _LabelSet, name: str, obj: Object) -> None:
        members = self.objects.get(labels)
        if members is None:
            members = self.objects[labels] = {}
            for label in labels:
                self._sets.setdefault(label, {})[labels] = None
        members[name] = obj

    def replace(self, labels: _LabelSet, name: str, obj: Object) -> None:
        self.objects[labels][name] = obj

    def remove(self, labels: _LabelSet, name: str) -> None:
        members = self.objects[labels]
        del members[name]
        if members:
            return
        del self.objects[labels]
        for label in labels:
            del self._sets[label][labels]
            if not self._sets[label]:
                del self._sets[label]

    def select(self, wanted: _LabelSet) -> Iterator[Object]:
        candidates = (
            self.objects.keys()
            if not wanted
            else min((self._sets.get(label, {}) for label in wanted), key=len)
        )
        for labels in candidates:
            if wanted <= labels:
                yield from self.objects[labels].values()


def _labels_of(obj: Any) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj.metadata.labels
    return labels


def _make_set(labels: Mapping[str, str]) -> _LabelSet:
    return frozenset(labels.items())
