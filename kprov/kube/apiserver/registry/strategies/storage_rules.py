"""What volumes and claims must look like.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolume*),
pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.quantity import Quantity, QuantityError

Object = dict[str, Any]

_MODES: Final = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]
_NOT_A_SOURCE: Final = {
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
}
IMMUTABLE: Final = "field is immutable"


def immutable(obj: Object, old: Object, name: str) -> list[FieldError]:
    """That part may not change."""
    if obj.get(name) == old.get(name):
        return []
    return [field.invalid(name, obj.get(name), IMMUTABLE)]


def persistent_volume(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = _access_modes("spec.accessModes", spec)
    capacity = spec.get("capacity") or {}
    if not capacity:
        errors.append(field.required("spec.capacity"))
    elif "storage" not in capacity or len(capacity) > 1:
        errors.append(field.not_supported("spec.capacity", capacity, ["storage"]))
    elif not _is_positive(capacity["storage"]):
        errors.append(
            field.invalid("spec.capacity[storage]", capacity["storage"], "must be greater than zero")
        )
    policy = spec["persistentVolumeReclaimPolicy"]
    if policy not in {"Delete", "Recycle", "Retain"}:
        supported = ["Delete", "Recycle", "Retain"]
        errors.append(field.not_supported("spec.persistentVolumeReclaimPolicy", policy, supported))
    sources = [name for name in spec if name not in _NOT_A_SOURCE and spec[name] is not None]
    if not sources:
        errors.append(field.required("spec", "must specify a volume type"))
    errors += [
        field.forbidden(f"spec.{name}", "may not specify more than 1 volume type") for name in sources[1:]
    ]
    if "local" in sources and not (spec.get("nodeAffinity") or {}).get("required"):
        errors.append(field.required("spec.nodeAffinity", "Local volume requires node affinity"))
    return errors


def persistent_volume_update(obj: Object, old: Object) -> list[FieldError]:
    spec, before = obj["spec"], old["spec"]
    sources = {name: spec[name] for name in spec if name not in _NOT_A_SOURCE}
    sources_before = {name: before[name] for name in before if name not in _NOT_A_SOURCE}
    errors = []
    if sources != sources_before:
        text = "spec.persistentvolumesource is immutable after creation"
        errors.append(field.forbidden("spec.persistentvolumesource", text))
    if spec.get("volumeMode") != before.get("volumeMode"):
        errors.append(field.invalid("volumeMode", spec.get("volumeMode"), IMMUTABLE))
    return errors


def claim(obj: Object) -> list[FieldError]:
    spec = obj["spec"]
    errors = _access_modes("spec.accessModes", spec)
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        errors.append(field.required("spec.resources[storage]"))
    elif not _is_positive(requests["storage"]):
        path = "spec.resources[storage]"
        errors.append(field.invalid(path, requests["storage"], "must be greater than zero"))
    return errors


def claim_update(obj: Object, old: Object) -> list[FieldError]:
    """Immutable once it is there, but for more storage, the attributes class, and being bound."""
    spec, before = dict(obj["spec"]), dict(old["spec"])
    errors = []
    wanted = _storage(spec)
    had = _storage(before)
    if wanted is not None and had is not None and wanted < had:
        text = "field can not be less than status.capacity"
        errors.append(field.forbidden("spec.resources.requests.storage", text))
    for each in (spec, before):
        each.pop("resources", None)
        each.pop("volumeAttributesClassName", None)
    if not before.get("volumeName"):
        spec.pop("volumeName", None)
        before.pop("volumeName", None)
    if before.get("storageClassName") is None:
        spec.pop("storageClassName", None)
        before.pop("storageClassName", None)
    if spec != before:
        text = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName "
            "for bound claims"
        )
        errors.append(field.forbidden("spec", text))
    return errors


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


def _access_modes(path: str, spec: Object) -> list[FieldError]:
    modes = spec.get("accessModes") or []
    if not modes:
        return [field.required(path, "at least 1 access mode is required")]
    errors = [field.not_supported(path, mode, _MODES) for mode in modes if mode not in _MODES]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        text = "may not use ReadWriteOncePod with other access modes"
        errors.append(field.forbidden(path, text))
    return errors


def _storage(spec: Object) -> int | None:
    text = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    try:
        return None if text is None else Quantity.parse(str(text)).value
    except QuantityError:
        return None


def _is_positive(text: Any) -> bool:
    try:
        return Quantity.parse(str(text)).nanos > 0
    except QuantityError:
        return False
