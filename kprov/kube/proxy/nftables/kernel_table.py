"""The kernel's table: the output of `nft --json list` as values.

The rules of chains are left out: they are always written again when kube-proxy starts. The content of sets
would be lost if it were written again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Container(NamedTuple):
    """A named set or map: `kind` is "set" or "map", `types` the parts of its keys."""

    kind: str
    types: tuple[str, ...]


class Hook(NamedTuple):
    """The hook of a base chain."""

    type: str
    hook: str
    priority: int


@dataclass(frozen=True)
class Layout:
    """Containers and chains by name. A chain that is no base chain has no hook."""

    containers: Mapping[str, Container]
    chains: Mapping[str, Hook | None]


@dataclass(frozen=True)
class KernelTable:
    """A table of the kernel. `timeouts`: seconds, of sets that have one. `elements` as in Tables."""

    layout: Layout
    timeouts: Mapping[str, int] = field(default_factory=dict)
    elements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def is_compatible_with(self, wanted: Layout) -> bool:
        """Whether all that has a name of `wanted` has its type too: the kernel cannot change types."""
        mine = self.layout
        return all(
            mine.containers.get(name, form) == form for name, form in wanted.containers.items()
        ) and all(mine.chains.get(name, hook) == hook for name, hook in wanted.chains.items())


def parse_table(document: Mapping[str, Any]) -> KernelTable:
    """Parse `nft --json --terse list table`: all except elements."""
    containers: dict[str, Container] = {}
    chains: dict[str, Hook | None] = {}
    timeouts: dict[str, int] = {}
    for kind, entry in _iterate_entries(document):
        if kind in {"set", "map"}:
            types = entry["type"]
            containers[entry["name"]] = Container(kind, tuple([types] if isinstance(types, str) else types))
            if "timeout" in entry:
                timeouts[entry["name"]] = entry["timeout"]
        elif kind == "chain":
            hook = Hook(entry["type"], entry["hook"], entry["prio"]) if "hook" in entry else None
            chains[entry["name"]] = hook
    return KernelTable(Layout(containers, chains), timeouts)


def parse_elements(document: Mapping[str, Any]) -> dict[str, str]:
    """Parse `nft --json list set` or `list map`: key > value ("" in a set), as a transaction writes them."""
    elements: dict[str, str] = {}
    for kind, entry in _iterate_entries(document):
        for element in entry.get("elem", ()) if kind in {"set", "map"} else ():
            key, value = element if kind == "map" else (element, None)
            elements[_render_key(key)] = _render_verdict(value) if kind == "map" else ""
    return elements


def _iterate_entries(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in document["nftables"]:
        yield from item.items()


def _render_key(key: Any) -> str:
    if isinstance(key, dict):
        if "elem" in key:  # with a comment, a timeout or a counter
            return _render_key(key["elem"]["val"])
        if "concat" in key:
            return " . ".join(map(_render_key, key["concat"]))
        if "prefix" in key:
            return f"{key['prefix']['addr']}/{key['prefix']['len']}"
        if "range" in key:
            return "-".join(map(_render_key, key["range"]))
    return str(key)


def _render_verdict(verdict: Any) -> str:
    """{"goto": {"target": "x"}} is "goto x", {"drop": null} is "drop"."""
    if not isinstance(verdict, dict):
        return str(verdict)
    ((name, more),) = verdict.items()
    return f"{name} {more['target']}" if more else name


def list_unknown(names: Iterable[str], *known: Iterable[str]) -> list[str]:
    """Return the names that are not among the known ones, sorted."""
    return sorted(set(names).difference(*known))
