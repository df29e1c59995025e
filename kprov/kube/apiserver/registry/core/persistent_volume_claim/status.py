"""Field rules of the status of persistent volume claims.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimStatusUpdate).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_RESIZING: Final = [
    *("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress"),
    *("NodeResizeInfeasible", "NodeResizePending"),
]


def validate_claim_status(obj: JsonObject) -> Errors:
    status = obj.get("status") or {}
    if not obj["spec"].get("accessModes"):
        yield field.required("Spec.accessModes")
    for name, amount in (status.get("capacity") or {}).items():
        yield from _validate_resource(amount, f"status.capacity[{name}]")
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        yield from _validate_key(name, "status.allocatedResourceStatuses")
        if state not in _RESIZING:
            yield field.not_supported("status.allocatedResourceStatuses", name, sorted(_RESIZING))
    for name, amount in (status.get("allocatedResources") or {}).items():
        wrong = list(_validate_key(name, "status.allocatedResources"))
        yield from wrong or _validate_resource(amount, f"status.allocatedResources[{name}]")


def _validate_resource(amount: str, path: str) -> Errors:
    if parse_nanos(amount) < 0:
        whole = -(-parse_nanos(amount) // 10**9)
        yield field.invalid(path, whole, "must be a valid resource quantity")


def _validate_key(name: str, path: str) -> Errors:
    wrong = list(checks.check_value(name, path, names.is_qualified_name))
    yield from wrong
    if not wrong and ("/" not in name or "kubernetes.io/" in name) and name != "storage":
        yield field.not_supported(path, name, ["storage"])
