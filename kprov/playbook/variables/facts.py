"""Facts of hosts, gathered on demand: when a template uses a fact, only that fact is gathered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kprov.errors import NoPythonError, PreflightError, UnreachableError
from kprov.playbook.model.plays import Task
from kprov.playbook.variables.reserved_names import can_be_bare, is_reserved

#: Gathers facts of a host by their names without `ansible_`; no names means all facts.
Gather = Callable[[str, frozenset[str]], dict[str, Any]]
#: The facts of kprov's own modules that have no prefix.
BARE_FACTS = {"service_facts": "services", "package_facts": "packages"}


class HostFacts:
    """Facts of one host, by their names without `ansible_`."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        #: Names that modules returned without `ansible_`, such as `services`: they are variables as they are.
        self.bare: set[str] = set()
        self.requested: set[str] = set()
        self.complete = False
        #: Whether the host was in a play that gathers facts. Later plays see the facts too, even if they
        #: gather none.
        self.allowed = False
        #: Whether other hosts could not have its facts. They ask no more until the host sends some.
        self.out_of_reach = False
        self.lock = threading.Lock()

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add facts by the names of their variables."""
        self.out_of_reach = False
        for name, value in facts.items():
            bare = name.removeprefix("ansible_")
            self.known[bare] = value
            if bare == name:
                self.bare.add(name)
            else:
                self.bare.discard(bare)

    def clear(self) -> None:
        """Remove all facts."""
        self.known.clear()
        self.bare.clear()
        self.requested.clear()
        self.complete = False
        self.out_of_reach = False


class FactStore:
    """Facts of all hosts of a run."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostFacts] = {}
        self.gather: Gather | None = None

    def host_facts(self, host: str) -> HostFacts:
        """Return the facts of a host."""
        return self._hosts.setdefault(host, HostFacts())

    def gather_missing(self, host: str, name: str | None, *, for_others: bool = False) -> None:
        """Gather a fact (None: all facts) of a host if it is missing.

        `for_others`: a template of another host looks at it. If the host cannot be reached then, the fact
        stays missing: it must not set the other host aside. Otherwise raises UnreachableError,
        PreflightError, NoPythonError.
        """
        facts, gather = self.host_facts(host), self.gather
        if facts.complete or gather is None or (name is not None and name in facts.known):
            return
        with facts.lock:
            if facts.complete or (name is not None and (name in facts.known or name in facts.requested)):
                return
            if for_others and facts.out_of_reach:
                return
            try:
                gathered = gather(host, frozenset() if name is None else frozenset((name,)))
            except (UnreachableError, PreflightError, NoPythonError):
                if not for_others:
                    raise
                facts.out_of_reach = True
                return
            facts.add(name_facts(None, gathered))
            if name is None:
                facts.complete = True
            else:
                facts.requested.add(name)


class AnsibleFacts(Mapping[str, Any]):
    """`ansible_facts` of a host: names without the prefix. `for_others`: in the `hostvars` of any host."""

    def __init__(self, store: FactStore, host: str, *, gathering: bool, for_others: bool = False) -> None:
        self._store, self._host, self._gathering, self._for_others = store, host, gathering, for_others
        self._facts = store.host_facts(host)

    def _gather_missing(self, name: str | None) -> None:
        if self._gathering:
            self._store.gather_missing(self._host, name, for_others=self._for_others)

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
    """Facts as variables: `ansible_facts`, and each as the module named it: `ansible_NAME` or `NAME`."""

    def __init__(self, store: FactStore, host: str, *, gathering: bool, for_others: bool = False) -> None:
        self._facts = AnsibleFacts(store, host, gathering=gathering, for_others=for_others)
        self._host_facts = store.host_facts(host)

    def __contains__(self, name: object) -> bool:
        if name == "ansible_facts":
            return True
        if not isinstance(name, str):
            return False
        if name in self._host_facts.bare:
            return can_be_bare(name)
        if not name.startswith("ansible_") or is_reserved(name):
            return False
        bare = name[8:]
        return bare not in self._host_facts.bare and bare in self._facts

    def __getitem__(self, name: str) -> Any:
        if name == "ansible_facts":
            return self._facts
        if name not in self:
            raise KeyError(name)
        return self._host_facts.known[name.removeprefix("ansible_")]

    def __iter__(self) -> Iterator[str]:
        yield "ansible_facts"
        yield from name_variables(
            {
                name if name in self._host_facts.bare else f"ansible_{name}": value
                for name, value in list(self._host_facts.known.items())
            }
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)


def name_facts(task: Task | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a task's result by the names of their variables; None: facts of a play.

    A module that is written for Ansible names its facts itself. Of kprov's own modules a few have a fact
    without the prefix: a host that answers more than its module has does not set more variables.
    """
    if task is not None and task.ansible_module is not None:
        return dict(facts)
    bare = BARE_FACTS.get(task.module, "") if task is not None else ""
    return {
        name if name == bare else f"ansible_{name.removeprefix('ansible_')}": value
        for name, value in facts.items()
    }


def name_variables(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of named facts: those that a host cannot set are left out."""
    return {
        name: value
        for name, value in facts.items()
        if (not is_reserved(name) if name.startswith("ansible_") else can_be_bare(name))
    }
