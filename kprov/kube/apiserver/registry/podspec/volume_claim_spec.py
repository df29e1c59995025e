"""The spec of volume claims: in claims, ephemeral volumes and templates of stateful sets.

Source: upstream pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaimSpec).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

ATTRIBUTES_CLASS: Final = "volumeAttributesClassName"
ACCESS_MODES: Final = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
VOLUME_MODES: Final = ["Block", "Filesystem"]
_CLAIM: Final = "PersistentVolumeClaim"
#: The value that errors show, as upstream's do.
_SHOWN: Final = field.Verbatim("{}")


def validate_access_modes(spec: JsonObject, path: str, missing: str = "") -> Errors:
    """Field rules of accessModes. missing: the error detail if there are none."""
    if not spec.get("accessModes"):
        yield field.required(f"{path}.accessModes", missing)
    yield from validate_known_access_modes(spec.get("accessModes") or (), f"{path}.accessModes")


def validate_known_access_modes(modes: Sequence[str], path: str) -> Errors:
    for mode in modes:
        yield from checks.check_enum(mode, path, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and set(modes) & set(ACCESS_MODES) - {"ReadWriteOncePod"}:
        yield field.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def validate_claim_spec(spec: JsonObject, path: str, *, new: bool = True, any_values: bool = False) -> Errors:
    """Field rules of a claim's spec.

    An update (`new` is false) may keep an invalid API group of a source, and invalid values of the selector
    (`any_values`).
    """
    modes = spec.get("accessModes") or ()
    if not modes:
        yield field.required(f"{path}.accessModes", "at least 1 access mode is required")
    yield from checks.check_label_selector(spec.get("selector"), f"{path}.selector", any_values=any_values)
    yield from validate_known_access_modes(modes, f"{path}.accessModes")
    amount, where = read_requested_storage(spec), f"{path}.resources[storage]"
    if amount is None:
        yield field.required(where)
    elif parse_nanos(amount) <= 0:
        yield field.invalid(where, amount, "must be greater than zero")
    yield from checks.check_optional_field(spec, path, "storageClassName", names.is_dns1123_subdomain)
    yield from checks.check_enum(spec.get("volumeMode"), f"{path}.volumeMode", VOLUME_MODES)
    yield from _validate_sources(spec, path, new=new)
    yield from checks.check_optional_field(spec, path, ATTRIBUTES_CLASS, names.is_dns1123_subdomain)


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


def read_requested_storage(spec: JsonObject) -> str | None:
    amount: str | None = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    return amount


def find_claim_spec_warnings(spec: JsonObject, path: str) -> list[str]:
    """Warn about storage amounts with fractions of bytes."""
    warnings = []
    for part in ("requests", "limits"):
        amount = ((spec.get("resources") or {}).get(part) or {}).get("storage")
        if amount is not None and parse_nanos(amount) % 10**9:
            where = f"{path}.resources.{part}[storage]"
            warnings.append(f'{where}: fractional byte value "{amount}" is invalid, must be an integer')
    return warnings
