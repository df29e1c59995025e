"""Who owns the replicas, as a Scale shows it and as its workload keeps it.

Source: upstream staging/src/k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from kprov.kube.machinery import field_set

Object = dict[str, Any]

#: The same path in a Scale and in each of the workloads.
_REPLICAS: Final = ("f:spec", "f:replicas")
_VERSION: Final = "autoscaling/v1"


def of_scale(entries: Sequence[Object] | None) -> list[Object]:
    """The managedFields of a Scale: of the workload's those that own its replicas."""
    return [
        entry | {"apiVersion": _VERSION, "fieldsV1": field_set.encode({_REPLICAS})}
        for entry in entries or ()
        if _REPLICAS in field_set.decode(entry.get("fieldsV1"))
    ]


def of_workload(
    entries: Sequence[Object] | None, scale: Sequence[Object] | None, version: str
) -> list[Object]:
    """The managedFields of a workload after those of its Scale became `scale`; version: "apps/v1"."""
    owners = {
        _key(entry): entry for entry in scale or () if _REPLICAS in field_set.decode(entry.get("fieldsV1"))
    }
    kept: list[Object] = []
    for entry in entries or ():
        fields = field_set.decode(entry.get("fieldsV1"))
        if _REPLICAS not in fields or owners.pop(_key(entry), None) is not None:
            kept.append(entry)
        elif fields - {_REPLICAS}:
            kept.append(entry | {"fieldsV1": field_set.encode(fields - {_REPLICAS})})
    for entry in owners.values():
        made = entry | {"apiVersion": version, "fieldsV1": field_set.encode({_REPLICAS})}
        made.pop("time", None)
        kept.append(made)
    return sorted(kept, key=_order)


def _key(entry: Object) -> tuple[str, str, str]:
    return entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", "")


def _order(entry: Object) -> tuple[str, ...]:
    names = ("operation", "time", "manager", "apiVersion", "subresource")
    return tuple(entry.get(name) or "" for name in names)
