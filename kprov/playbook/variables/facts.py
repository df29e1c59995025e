"""Facts of hosts, gathered on demand: when a template uses a fact, only that fact is gathered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kprov.playbook.variables.reserved_names import is_reserved

#: Gathers facts of a host by their names without `ansible_`; no names means all facts.
Gather = Callable[[str, frozenset[str]], dict[str, Any]]


class HostFacts:
    """Facts of one host, by their names without `ansible_`."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.requested: set[str] = set()
        self.complete = False
        #: Whether the host was in a play that gathers facts. Later plays see the facts too, even if they
        #: gather none.
        self.allowed = False
        self.lock = threading.Lock()

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add the facts of a module's result."""
        for name, value in facts.items():
            self.known[name.removeprefix("ansible_")] = value

    def clear(self) -> None:
        """Remove all facts."""
        self.known.clear()
        self.requested.clear()
        self.complete = False


class FactStore:
    """Facts of all hosts of a run."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostFacts] = {}
        self.gather: Gather | None = None

    def host_facts(self, host: str) -> HostFacts:
        """Return the facts of a host."""
        return self._hosts.setdefault(host, HostFacts())

    def gather_missing(self, host: str, name: str | None) -> None:
        """Gather a fact (None: all facts) of a host if it is missing."""
        facts, gather = self.host_facts(host), self.gather
        if facts.complete or gather is None or (name is not None and name in facts.known):
            return
        with facts.lock:
            if facts.complete or (name is not None and (name in facts.known or name in facts.requested)):
                return
            facts.add(gather(host, frozenset() if name is None else frozenset((name,))))
            if name is None:
                facts.complete = True
            else:
                facts.requested.add(name)


class AnsibleFacts(Mapping[str, Any]):
    """`ansible_facts` of a host: names without the prefix."""

    def __init__(self, store: FactStore, host: str, *, gathering: bool) -> None:
        self._store, self._host, self._gathering = store, host, gathering
        self._facts = store.host_facts(host)

    def _gather_missing(self, name: str | None) -> None:
        if self._gathering:
            self._store.gather_missing(self._host, name)

    def __contains__(self, name: object) -> bool:
        if name not in self._facts.known and isinstance(name, str):
            self._gather_missing(name)
        return name in self._facts.known

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self._facts.known[name]

    def __iter__(self) -> Iterator[str]:
        self._gather_missing(None)
        return iter(list(self._facts.known))

    def __len__(self) -> int:
        self._gather_missing(None)
        return len(self._facts.known)


class FactVariables(Mapping[str, Any]):
    """Facts as variables: `ansible_facts`, and `ansible_NAME` for each."""

    def __init__(self, store: FactStore, host: str, *, gathering: bool) -> None:
        self._facts = AnsibleFacts(store, host, gathering=gathering)
        self._known = store.host_facts(host).known

    def __contains__(self, name: object) -> bool:
        if name == "ansible_facts":
            return True
        if not isinstance(name, str) or not name.startswith("ansible_"):
            return False
        return not is_reserved(name) and name[8:] in self._facts

    def __getitem__(self, name: str) -> Any:
        if name == "ansible_facts":
            return self._facts
        if name not in self:
            raise KeyError(name)
        return self._known[name[8:]]

    def __iter__(self) -> Iterator[str]:
        yield "ansible_facts"
        names = (f"ansible_{name}" for name in list(self._known))
        yield from (name for name in names if not is_reserved(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def name_variables(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts under the names that they have as variables, without those that facts cannot set."""
    named = {f"ansible_{name.removeprefix('ansible_')}": value for name, value in facts.items()}
    return {name: value for name, value in named.items() if not is_reserved(name)}
