"""What volumes and claims must look like.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolume*),
pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError

Object = dict[str, Any]

IMMUTABLE: Final = "field is immutable"


def immutable(obj: Object, old: Object, name: str) -> list[FieldError]:
    """That part may not change."""
    if obj.get(name) == old.get(name):
        return []
    return [field.invalid(name, obj.get(name), IMMUTABLE)]


def storage_class(obj: Object) -> list[FieldError]:
    errors = []
    if not obj.get("provisioner"):
        errors.append(field.required("provisioner"))
    if obj["reclaimPolicy"] not in {"Delete", "Retain"}:
        errors.append(field.not_supported("reclaimPolicy", obj["reclaimPolicy"], ["Delete", "Retain"]))
    if obj["volumeBindingMode"] not in {"Immediate", "WaitForFirstConsumer"}:
        supported = ["Immediate", "WaitForFirstConsumer"]
        errors.append(field.not_supported("volumeBindingMode", obj["volumeBindingMode"], supported))
    return errors


def storage_class_update(obj: Object, old: Object) -> list[FieldError]:
    errors = []
    if (obj.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(field.forbidden("parameters", "updates to parameters are forbidden."))
    if obj.get("provisioner") != old.get("provisioner"):
        errors.append(field.forbidden("provisioner", "updates to provisioner are forbidden."))
    if obj.get("reclaimPolicy") != old.get("reclaimPolicy"):
        errors.append(field.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."))
    return errors + immutable(obj, old, "volumeBindingMode")
