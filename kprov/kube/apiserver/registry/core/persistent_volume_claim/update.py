"""What an update of a persistent volume claim may change, and warnings.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimUpdate).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.apiserver.registry.generic.resource_strategy import keep_field
from kprov.kube.apiserver.registry.podspec.volume_claim_spec import (
    ATTRIBUTES_CLASS,
    find_claim_spec_warnings,
    read_requested_storage,
    validate_claim_spec,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.json_difference import describe_difference
from kprov.kube.machinery.json_object import JsonObject

_BETA_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_CHANGED: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)


def validate_claim_update(obj: JsonObject, old: JsonObject) -> Errors:
    """Refuse changes, except more storage, another attributes class, and what binding a claim sets."""
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
        keep_field(new, had, ATTRIBUTES_CLASS)
        new["resources"] = _replace_requested_storage(
            new.get("resources") or {}, read_requested_storage(before)
        )
    if new != had:
        yield field.forbidden("spec", f"{_CHANGED}\n{describe_difference(had, new)}")
    wanted, had_amount = read_requested_storage(spec), read_requested_storage(before)
    capacity = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
    if parse_nanos(wanted or "0") < parse_nanos(had_amount or "0") and parse_nanos(
        wanted or "0"
    ) <= parse_nanos(capacity):
        text = "field can not be less than status.capacity"
        yield field.forbidden("spec.resources.requests.storage", text)
    yield from checks.check_immutable(spec, before, "", "volumeMode")
    if (old.get("status") or {}).get("currentVolumeAttributesClassName") is not None and not spec.get(
        ATTRIBUTES_CLASS
    ):
        kind = "nil" if spec.get(ATTRIBUTES_CLASS) is None else "empty string"
        if spec.get(ATTRIBUTES_CLASS) != before.get(ATTRIBUTES_CLASS):
            text = f"update to {kind} is forbidden when status.currentVolumeAttributesClassName is not nil"
            yield field.forbidden(f"spec.{ATTRIBUTES_CLASS}", text)


def _replace_requested_storage(resources: JsonObject, amount: str | None) -> JsonObject:
    """Return the resources with another request for storage, if they have requests."""
    if not resources.get("requests"):
        return resources
    return resources | {"requests": resources["requests"] | {"storage": amount or "0"}}


def _read_class_annotation(obj: JsonObject) -> str | None:
    class_name: str | None = (obj["metadata"].get("annotations") or {}).get(_BETA_CLASS)
    return class_name


def _is_class_upgraded(obj: JsonObject, old: JsonObject) -> bool:
    """Whether the update moves the class from the annotation to storageClassName."""
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


def find_claim_warnings(claim: JsonObject) -> list[str]:
    """Warnings about a claim."""
    warnings = []
    if _read_class_annotation(claim) is not None:
        text = 'deprecated since v1.8; use "storageClassName" attribute instead'
        warnings.append(f"metadata.annotations[{_BETA_CLASS}]: {text}")
    return warnings + find_claim_spec_warnings(claim["spec"], "spec")
