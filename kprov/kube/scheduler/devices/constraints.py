"""Constraints of a claim between its devices: the same value of an attribute, or different ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.scheduler.devices.slices import Device

_KINDS = ("string", "int", "bool", "version")


@dataclass
class Constraint:
    """A match attribute. `is_distinct`: whether all devices must differ in it, not be equal."""

    attribute: str
    requests: frozenset[str]
    is_distinct: bool
    _values: list[tuple[str, Any]] = field(default_factory=list)

    def add(self, request: str, parent: str, device: Device) -> bool:
        """Whether the device fits to the others. If so, it counts from then on. parent: see Request."""
        if not self._concerns(request, parent):
            return True
        value = _get_value(device.find_attribute(self.attribute))
        if value is None:
            return False
        if self._values and (value in self._values) is self.is_distinct:
            return False
        self._values.append(value)
        return True

    def remove(self, request: str, parent: str) -> None:
        """Forget the device that was added last."""
        if self._concerns(request, parent):
            self._values.pop()

    def _concerns(self, request: str, parent: str) -> bool:
        names = {parent, f"{parent}/{request}"} if parent else {request}
        return not self.requests or not names.isdisjoint(self.requests)


def build_constraints(claim: JsonMapping) -> Sequence[Constraint]:
    constraints = claim["spec"].get("devices", {}).get("constraints") or ()
    return [
        Constraint(
            constraint.get("matchAttribute") or constraint["distinctAttribute"],
            frozenset(constraint.get("requests") or ()),
            is_distinct=not constraint.get("matchAttribute"),
        )
        for constraint in constraints
    ]


def _get_value(attribute: JsonMapping | None) -> tuple[str, Any] | None:
    """Return the value with its type: the integer 1 is not the boolean True."""
    for kind in _KINDS:
        if attribute is not None and attribute.get(kind) is not None:
            return kind, attribute[kind]
    return None
