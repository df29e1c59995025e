"""A pod's quality of service class.

Source: upstream pkg/apis/core/helper/qos/qos.go.
"""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity, QuantityError

_COUNTED = ("cpu", "memory")


def compute_qos_class(spec: JsonObject) -> str:
    """Guaranteed, Burstable or BestEffort."""
    whole = spec.get("resources")
    if whole is not None:
        parts = [whole]
        guaranteed = not whole.get("limits") or len(_read_amounts(whole, "limits")) == len(_COUNTED)
    else:
        parts = [
            container.get("resources") or {}
            for kind in ("containers", "initContainers")
            for container in spec.get(kind) or ()
        ]
        guaranteed = all(len(_read_amounts(part, "limits")) == len(_COUNTED) for part in parts)
    requests, limits = _sum_amounts(parts, "requests"), _sum_amounts(parts, "limits")
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if guaranteed and requests == limits else "Burstable"


def _sum_amounts(parts: list[JsonObject], kind: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, amount in _read_amounts(part, kind).items():
            total[name] = total.get(name, 0) + amount
    return total


def _read_amounts(resources: JsonObject, kind: str) -> dict[str, int]:
    """Amounts of cpu and memory above zero, in billionths."""
    amounts: dict[str, int] = {}
    for name in _COUNTED:
        try:
            amount = Quantity.parse(str((resources.get(kind) or {}).get(name, "0"))).nanos
        except QuantityError:
            continue
        if amount > 0:
            amounts[name] = amount
    return amounts
