"""The kinds that the server serves, as snapshots that change while it runs.

A request takes one snapshot and asks it for the kind of its path. See docs/decisions/028.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from kprov.kube.apiserver.registry.served_kind import ServedKind

#: Called with the snapshot before and the new one, in the event loop.
Listener = Callable[["Snapshot", "Snapshot"], None]

#: The owner of the kinds that never change.
BUILT_IN: Final = ""


class Snapshot:
    """The kinds at one moment. It never changes."""

    def __init__(self, kinds: Iterable[ServedKind]) -> None:
        self.kinds: Final = tuple(kinds)
        self._by_path: Final = {
            (kind.resource.group, kind.resource.version, kind.resource.plural): kind for kind in self.kinds
        }
        self._by_kind: Final = {kind.resource.gvk: kind for kind in self.kinds}
        self._by_resource: Final = {
            (kind.resource.group, kind.resource.plural): kind for kind in reversed(self.kinds)
        }
        #: The names of all groups, without core.
        self.groups: Final = frozenset(kind.resource.group for kind in self.kinds if kind.resource.group)

    def find(self, group: str, version: str, plural: str) -> ServedKind | None:
        """Return the kind at /apis/GROUP/VERSION/PLURAL, None if there is none."""
        return self._by_path.get((group, version, plural))

    def find_resource(self, group: str, plural: str) -> ServedKind | None:
        """Return the kind in the preferred version of a resource, None if there is none."""
        return self._by_resource.get((group, plural))

    def find_kind(self, group: str, version: str, kind: str) -> ServedKind | None:
        """Return the kind by the kind and apiVersion of its objects, None if there is none."""
        return self._by_kind.get((group, version, kind))


class ServedKinds:
    """The registry of kinds: the present snapshot, and who wants to know of the next."""

    def __init__(self, built_in: Iterable[ServedKind]) -> None:
        self._by_owner: dict[str, tuple[ServedKind, ...]] = {BUILT_IN: tuple(built_in)}
        self._listeners: list[Listener] = []
        self.current = Snapshot(self._by_owner[BUILT_IN])

    def publish(self, owner: str, kinds: Sequence[ServedKind]) -> None:
        """Replace the kinds of an owner, in its order of first publication. No kinds: remove the owner."""
        if kinds:
            self._by_owner[owner] = tuple(kinds)
        elif self._by_owner.pop(owner, None) is None:
            return
        before = self.current
        self.current = Snapshot(kind for held in self._by_owner.values() for kind in held)
        for listener in self._listeners:
            listener(before, self.current)

    def subscribe(self, listener: Listener) -> None:
        """Call a listener after each change."""
        self._listeners.append(listener)
