"""A pod's quality of service class.

Source: upstream pkg/apis/core/helper/qos/qos.go.
"""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.quantity import Quantity, QuantityError

Object = dict[str, Any]

_COUNTED = ("cpu", "memory")


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort."""
    whole = spec.get("resources") or {}
    if whole.get("requests") or whole.get("limits"):
        parts = [whole]
    else:
        parts = [
            container.get("resources") or {}
            for kind in ("containers", "initContainers")
            for container in spec.get(kind) or ()
        ]
    any_set, all_guaranteed = False, bool(parts)
    for resources in parts:
        requests, limits = _amounts(resources, "requests"), _amounts(resources, "limits")
        any_set = any_set or bool(requests or limits)
        guaranteed = set(limits) == set(_COUNTED) and all(
            requests.get(name, limit) == limit for name, limit in limits.items()
        )
        all_guaranteed = all_guaranteed and guaranteed
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if all_guaranteed else "Burstable"


def _amounts(resources: Object, kind: str) -> dict[str, int]:
    """Amounts of cpu and memory that are more than zero, in billionths."""
    found: dict[str, int] = {}
    for name in _COUNTED:
        try:
            amount = Quantity.parse(str((resources.get(kind) or {}).get(name, "0"))).nanos
        except QuantityError:
            continue
        if amount > 0:
            found[name] = amount
    return found
