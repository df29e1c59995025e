"""Claims of volumes.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaim*).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.apiserver.registry.generic.resource_strategy import keep_field
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_difference import describe_difference
from kprov.kube.machinery.json_object import JsonObject

MODES: Final = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
VOLUME_MODES: Final = ["Block", "Filesystem"]
_CLAIM: Final = "PersistentVolumeClaim"
_BETA_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
#: Upstream shows the field's path, whose type has nothing to show.
_SHOWN: Final = field.Verbatim("{}")
_CLASS: Final = "volumeAttributesClassName"
_CHANGED: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)
_RESIZING: Final = [
    *("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress"),
    *("NodeResizeInfeasible", "NodeResizePending"),
]


def validate_access_modes(spec: JsonObject, path: str, missing: str = "") -> Errors:
    """`missing`: what is said of no mode at all, before the modes themselves are looked at."""
    if not spec.get("accessModes"):
        yield field.required(f"{path}.accessModes", missing)
    yield from validate_known_access_modes(spec.get("accessModes") or (), f"{path}.accessModes")


def validate_known_access_modes(modes: Sequence[str], path: str) -> Errors:
    for mode in modes:
        yield from checks.check_enum(mode, path, MODES)
    if "ReadWriteOncePod" in modes and set(modes) & set(MODES) - {"ReadWriteOncePod"}:
        yield field.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def validate_claim_spec(spec: JsonObject, path: str, *, new: bool = True, any_values: bool = False) -> Errors:
    """Of a claim or a template of claims.

    A source's group that was bad before may stay (`new` is false), as may what the selector compares with
    (`any_values`).
    """
    modes = spec.get("accessModes") or ()
    if not modes:
        yield field.required(f"{path}.accessModes", "at least 1 access mode is required")
    yield from checks.check_label_selector(spec.get("selector"), f"{path}.selector", any_values=any_values)
    yield from validate_known_access_modes(modes, f"{path}.accessModes")
    amount, where = _read_requested_storage(spec), f"{path}.resources[storage]"
    if amount is None:
        yield field.required(where)
    elif parse_nanos(amount) <= 0:
        yield field.invalid(where, amount, "must be greater than zero")
    yield from checks.check_optional_field(spec, path, "storageClassName", names.is_dns1123_subdomain)
    yield from checks.check_enum(spec.get("volumeMode"), f"{path}.volumeMode", VOLUME_MODES)
    yield from _validate_sources(spec, path, new=new)
    yield from checks.check_optional_field(spec, path, _CLASS, names.is_dns1123_subdomain)


def _validate_sources(spec: JsonObject, path: str, *, new: bool) -> Errors:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    for part, value in (("dataSource", source), ("dataSourceRef", reference)):
        if value is None:
            continue
        where, group = f"{path}.{part}", value.get("apiGroup") or ""
        yield from checks.require_fields(value, where, "name", "kind")
        if not group and value.get("kind", "") != _CLAIM:
            text = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
            yield field.invalid(where, value.get("kind", ""), text)
        if group and new:
            yield from checks.check_value(group, f"{where}.apiGroup", names.is_dns1123_subdomain)
        if part == "dataSourceRef":
            yield from checks.check_optional_field(value, where, "namespace", names.is_dns1123_label)
    if (reference or {}).get("namespace"):
        if source is not None:
            text = "may not be specified when dataSourceRef.namespace is specified"
            yield field.invalid(path, _SHOWN, text)
    elif source is not None and reference is not None and _is_different_source(source, reference):
        yield field.invalid(path, _SHOWN, "must match dataSourceRef")


def _is_different_source(source: JsonObject, reference: JsonObject) -> bool:
    return any(source.get(part) != reference.get(part) for part in ("apiGroup", "kind", "name"))


def validate_claim_update(obj: JsonObject, old: JsonObject) -> Errors:
    """Immutable once it is there, but for more storage, the attributes class, and being bound."""
    spec, before = obj["spec"], old["spec"]
    named_before = any((before.get(part) or {}).get("apiGroup") for part in ("dataSource", "dataSourceRef"))
    keeps = checks.is_invalid_selector(before.get("selector"))
    yield from validate_claim_spec(spec, "spec", new=not named_before, any_values=keeps)
    new, had = dict(spec), dict(before)
    if not before.get("volumeName"):
        keep_field(had, new, "volumeName")
    upgraded = _is_class_upgraded(obj, old)
    if not upgraded:
        yield from _validate_beta_class(obj, old)
    if upgraded or (before.get("storageClassName") is None and _is_class_of_annotation(spec, old)):
        keep_field(new, had, "storageClassName")
    if (obj.get("status") or {}).get("phase") == "Bound":
        keep_field(new, had, _CLASS)
        new["resources"] = _replace_requested_storage(
            new.get("resources") or {}, _read_requested_storage(before)
        )
    if new != had:
        yield field.forbidden("spec", f"{_CHANGED}\n{describe_difference(had, new)}")
    wanted, had_amount = _read_requested_storage(spec), _read_requested_storage(before)
    capacity = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
    if parse_nanos(wanted or "0") < parse_nanos(had_amount or "0") and parse_nanos(
        wanted or "0"
    ) <= parse_nanos(capacity):
        text = "field can not be less than status.capacity"
        yield field.forbidden("spec.resources.requests.storage", text)
    yield from checks.check_immutable(spec, before, "", "volumeMode")
    if (old.get("status") or {}).get("currentVolumeAttributesClassName") is not None and not spec.get(_CLASS):
        kind = "nil" if spec.get(_CLASS) is None else "empty string"
        if spec.get(_CLASS) != before.get(_CLASS):
            text = f"update to {kind} is forbidden when status.currentVolumeAttributesClassName is not nil"
            yield field.forbidden(f"spec.{_CLASS}", text)


def _read_requested_storage(spec: JsonObject) -> str | None:
    amount: str | None = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    return amount


def _replace_requested_storage(resources: JsonObject, amount: str | None) -> JsonObject:
    """Of a claim that asks for something: with the amount it asked for before."""
    if not resources.get("requests"):
        return resources
    return resources | {"requests": resources["requests"] | {"storage": amount or "0"}}


def _read_class_annotation(obj: JsonObject) -> str | None:
    found: str | None = (obj["metadata"].get("annotations") or {}).get(_BETA_CLASS)
    return found


def _is_class_upgraded(obj: JsonObject, old: JsonObject) -> bool:
    """From the annotation of old to the field, with the same class."""
    had = _read_class_annotation(old)
    wanted = obj["spec"].get("storageClassName")
    kept = _read_class_annotation(obj) in {None, had}
    return had is not None and old["spec"].get("storageClassName") is None and wanted == had and kept


def _is_class_of_annotation(spec: JsonObject, old: JsonObject) -> bool:
    wanted = spec.get("storageClassName")
    return wanted is not None and _read_class_annotation(old) in {None, wanted}


def _validate_beta_class(obj: JsonObject, old: JsonObject) -> Errors:
    if (_read_class_annotation(obj) or "") != (_read_class_annotation(old) or ""):
        path = f"metadata.annotations[{_BETA_CLASS}]"
        yield field.invalid(path, _read_class_annotation(obj) or "", checks.IMMUTABLE)


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


def find_claim_warnings(claim: JsonObject) -> list[str]:
    """Of a claim, not of a template of claims."""
    found = []
    if _read_class_annotation(claim) is not None:
        text = 'deprecated since v1.8; use "storageClassName" attribute instead'
        found.append(f"metadata.annotations[{_BETA_CLASS}]: {text}")
    return found + find_claim_spec_warnings(claim["spec"], "spec")


def find_claim_spec_warnings(spec: JsonObject, path: str) -> list[str]:
    """Of a claim's spec: storage has no parts of bytes."""
    found = []
    for part in ("requests", "limits"):
        amount = ((spec.get("resources") or {}).get(part) or {}).get("storage")
        if amount is not None and parse_nanos(amount) % 10**9:
            where = f"{path}.resources.{part}[storage]"
            found.append(f'{where}: fractional byte value "{amount}" is invalid, must be an integer')
    return found
