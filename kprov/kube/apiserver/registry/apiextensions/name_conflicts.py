"""Which names of a definition are free.

Source: apiextensions-apiserver/pkg/controller/status/naming_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject

_REASONS: Final = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("shortNames", "ShortNamesConflict"),
    ("kind", "KindConflict"),
    ("listKind", "ListKindConflict"),
)
_KINDS: Final = ("kind", "listKind")


def accept_names(
    definition: Mapping[str, Any], all_definitions: Iterable[Mapping[str, Any]]
) -> tuple[JsonObject, str, str]:
    """Return the accepted names, and the reason and message of the condition NamesAccepted."""
    wanted = definition["spec"]["names"]
    accepted = (definition.get("status") or {}).get("acceptedNames") or {}
    resources, kinds = _collect_names(definition, all_definitions)
    names: JsonObject = {name: value for name, value in accepted.items() if name != "categories" and value}
    reason, message = "NoConflicts", "no conflicts found"
    for name, conflict in _REASONS:
        used = kinds if name in _KINDS else resources
        own = _list_values(accepted.get(name))
        taken = [value for value in _list_values(wanted.get(name)) if value not in own and value in used]
        if taken:
            reason = conflict
            message = ", ".join(f'"{value}" is already in use' for value in taken)
            if len(taken) > 1:
                message = f"[{message}]"
        elif wanted.get(name):
            names[name] = wanted[name]
        else:
            names.pop(name, None)
    names.setdefault("plural", "")
    names.setdefault("kind", "")
    if wanted.get("categories"):
        names["categories"] = wanted["categories"]
    return names, reason, message


def _collect_names(
    definition: Mapping[str, Any], all_definitions: Iterable[Mapping[str, Any]]
) -> tuple[set[str], set[str]]:
    """Collect the resource names and the kinds that definitions of the group have."""
    resources, kinds = set[str](), set[str]()
    for other in all_definitions:
        if other["spec"]["group"] != definition["spec"]["group"]:
            continue
        names = (other.get("status") or {}).get("acceptedNames") or {}
        for name in ("plural", "singular", "shortNames"):
            resources.update(_list_values(names.get(name)))
        for name in _KINDS:
            kinds.update(_list_values(names.get(name)))
    return resources, kinds


def _list_values(value: Any) -> list[str]:
    if not value:
        return []
    return [value] if isinstance(value, str) else list(value)
