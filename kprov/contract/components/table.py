"""The rows of this kprov, and the questions that consumers ask about them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from kprov.content.locations import ROLES
from kprov.contract.components.model import Component, Lookup, Runtime
from kprov.contract.components.reader import read_components, read_runtimes

TABLES = ROLES / "kprov_defaults/vars/main"
#: The group whose hosts have a container runtime.
RUNTIME_GROUP = "kube_node"


def _no_value(_variable: str) -> None:
    """Return no value for any variable."""


def list_components() -> tuple[Component, ...]:
    """Return all components in the order of their rows."""
    return _load_components(TABLES / "components.yml")


def find_runtime() -> Runtime:
    """Return the container runtime of the nodes."""
    return _load_runtimes(TABLES / "runtimes.yml")[0]


def list_rows() -> tuple[Component | Runtime, ...]:
    """Return the components, and the container runtime of the nodes."""
    return (*list_components(), find_runtime())


@lru_cache(maxsize=2)
def _load_components(file: Path) -> tuple[Component, ...]:
    return read_components(file)


@lru_cache(maxsize=2)
def _load_runtimes(file: Path) -> tuple[Runtime, ...]:
    return read_runtimes(file)


def list_group_components(group: str) -> list[Component]:
    """Return the components of one group in the order of their rows, without those of all hosts."""
    return [component for component in list_components() if group in component.groups]


def list_host_components(groups: Iterable[str], lookup: Lookup = _no_value) -> list[Component]:
    """Return the components of a host of these groups in the order of starts.

    `lookup` returns the values of variables that enable components; without it, none of these is there.
    """
    member_of = frozenset(groups)
    components = [component for component in list_components() if component.is_on(member_of, lookup)]
    return sorted(components, key=lambda component: component.start_order)


def list_host_units(groups: Iterable[str], lookup: Lookup = _no_value) -> list[str]:
    """Return the units of a host of these groups, with the container runtime's, in the order of starts."""
    member_of = frozenset(groups)
    rows: list[Component | Runtime] = [*list_host_components(member_of, lookup)]
    if RUNTIME_GROUP in member_of:
        rows.append(find_runtime())
    return [row.name for row in sorted(rows, key=lambda row: row.start_order)]


def list_programs() -> list[Component]:
    """Return the components whose programs are in the bundle, in the order of their rows."""
    return [component for component in list_components() if component.program]
