"""The result of a check, and functions that the checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kprov.kube.machinery.json_object import JsonMapping


@dataclass(frozen=True, slots=True)
class Violation:
    """A reason why a pod violates a level."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


#: From the metadata and the spec of a pod to a violation or None.
Check = Callable[[JsonMapping, JsonMapping], Violation | None]


def list_containers(spec: JsonMapping) -> Iterator[JsonMapping]:
    """Init containers, containers, ephemeral containers."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind) or ()


def find_context(container_or_spec: JsonMapping) -> JsonMapping:
    """Return the security context, {} without one."""
    return container_or_spec.get("securityContext") or {}


def quote(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def pluralize(word: str, count: int, many: str = "") -> str:
    return word if count == 1 else many or f"{word}s"


def format_containers(names: list[str]) -> str:
    """Format as: container "a"; or: containers "a", "b"."""
    return f"{pluralize('container', len(names))} {quote(names)}"


def find_setters(spec: JsonMapping, is_bad: Callable[[JsonMapping], bool]) -> list[str]:
    """Return the pod and the names of containers whose security context is bad."""
    setters = ["pod"] if is_bad(find_context(spec)) else []
    bad = [container["name"] for container in list_containers(spec) if is_bad(find_context(container))]
    return setters + ([format_containers(bad)] if bad else [])


def is_in_user_namespace(spec: JsonMapping) -> bool:
    return spec.get("hostUsers") is False


def is_on_windows(spec: JsonMapping) -> bool:
    return (spec.get("os") or {}).get("name") == "windows"
