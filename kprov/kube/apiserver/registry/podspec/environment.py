"""Environment variables of containers, and references to the pod's own fields.

Source: upstream pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_no_backsteps,
    check_required_field,
    check_value,
    enumerate_items,
)
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import canonical

_FIELDS: Final = [
    *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName"),
    *("status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"),
]
#: Field paths that exist in pods.
_CONVERTIBLE: Final = {
    *(*_FIELDS, "metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName"),
    *("spec.hostNetwork", "status.phase", "status.nominatedNodeName"),
}
_RESOURCES: Final = [
    f"{part}.{name}" for part in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
]
_HUGE: Final = ("limits.hugepages-", "requests.hugepages-")
_BYTES: Final = ["1", *(f"1{unit}" for unit in "kMGTPE"), *(f"1{unit}i" for unit in "KMGTPE")]
_SOURCES: Final = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"


def validate_environment(variables: Sequence[JsonObject] | None, path: str) -> Errors:
    for where, variable in enumerate_items(variables, path):
        yield from check_required_field(variable, where, "name", names.is_relaxed_env_var_name)
        if variable.get("valueFrom") is not None:
            yield from _validate_source(variable, f"{where}.valueFrom")


def _validate_source(variable: JsonObject, path: str) -> Errors:
    source = variable["valueFrom"]
    kinds = [kind for kind in _CHECKS if source.get(kind) is not None]
    for kind in kinds:
        yield from _CHECKS[kind](source[kind], f"{path}.{kind}")
    if not kinds:
        yield field.invalid(path, "", f"must specify one of: {_SOURCES}")
    elif variable.get("value"):
        yield field.invalid(path, "", "may not be specified when `value` is not empty")
    elif len(kinds) > 1:
        yield field.invalid(path, "", "may not have more than one field specified at a time")


def validate_field_ref(reference: JsonObject, path: str, known: Sequence[str]) -> Errors:
    """Field rules of a fieldRef. known: the paths that are allowed without a key in brackets."""
    wanted, where = reference.get("fieldPath", ""), f"{path}.fieldPath"
    if not wanted:
        yield field.required(where)
        return
    if reference.get("apiVersion") != "v1":
        text = f"error converting fieldPath: unsupported pod version: {reference.get('apiVersion', '')}"
        yield field.invalid(where, wanted, text)
        return
    name, bracket, key = wanted.partition("['")
    subscript = bool(bracket) and key.endswith("']")
    base = name if subscript else wanted
    if base not in _CONVERTIBLE or (subscript and base not in {"metadata.annotations", "metadata.labels"}):
        text = f"error converting fieldPath: field label not supported: {wanted if not subscript else base}"
        yield field.invalid(where, wanted, text)
    elif subscript:
        key = key.removesuffix("']")
        yield from check_value(
            key.lower() if base.endswith("annotations") else key, path, names.is_qualified_name
        )
    elif base not in known:
        yield field.not_supported(where, base, sorted(known))


def _validate_own_field(reference: JsonObject, path: str) -> Errors:
    yield from validate_field_ref(reference, path, _FIELDS)


def validate_resource_field_ref(reference: JsonObject, path: str, *, volume: bool = False) -> Errors:
    wanted = reference.get("resource", "")
    if volume and not reference.get("containerName"):
        yield field.required(f"{path}.containerName")
    elif not wanted:
        yield field.required(f"{path}.resource")
    elif wanted not in _RESOURCES and not wanted.startswith(_HUGE):
        yield field.not_supported(f"{path}.resource", wanted, _RESOURCES)
    yield from _validate_divisor(wanted, reference.get("divisor"), f"{path}.divisor")


def _validate_divisor(wanted: str, divisor: str | None, path: str) -> Errors:
    shown = canonical(divisor) if divisor is not None else "0"
    if shown == "0":
        return
    kind = wanted.partition(".")[2]
    if kind == "cpu" and shown not in {"1m", "1"}:
        yield field.invalid(
            path, wanted, "only divisor's values 1m and 1 are supported with the cpu resource"
        )
    told = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(kind)
    if wanted.startswith(_HUGE):
        told = "hugepages"
    if told is not None and shown not in _BYTES:
        text = f"only divisor's values {', '.join(_BYTES)} are supported with the {told} resource"
        yield field.invalid(path, wanted, text)


def _validate_key_ref(reference: JsonObject, path: str) -> Errors:
    yield from check_value(reference.get("name", ""), f"{path}.name", names.is_dns1123_subdomain)
    yield from check_required_field(reference, path, "key", names.is_config_map_key)


def _validate_file_key_ref(reference: JsonObject, path: str) -> Errors:
    yield from check_required_field(reference, path, "key", names.is_relaxed_env_var_name)
    yield from check_required_field(reference, path, "volumeName", names.is_dns1123_label)
    if not reference.get("path"):
        yield field.required(f"{path}.path")
    else:
        yield from check_no_backsteps(reference["path"], f"{path}.path")


_CHECKS: Final = {
    "fieldRef": _validate_own_field,
    "resourceFieldRef": validate_resource_field_ref,
    "configMapKeyRef": _validate_key_ref,
    "secretKeyRef": _validate_key_ref,
    "fileKeyRef": _validate_file_key_ref,
}


def validate_environment_from(sources: Sequence[JsonObject] | None, path: str) -> Errors:
    for where, source in enumerate_items(sources, path):
        if source.get("prefix"):
            yield from check_value(source["prefix"], f"{where}.prefix", names.is_relaxed_env_var_name)
        kinds = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in kinds:
            yield from check_required_field(
                source[kind], f"{where}.{kind}", "name", names.is_dns1123_subdomain
            )
        if not kinds:
            yield field.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(kinds) > 1:
            yield field.invalid(path, "", "may not have more than one field specified at a time")


def validate_file_volumes(container: JsonObject, volumes: Sequence[JsonObject], path: str) -> Errors:
    """Check that a fileKeyRef names an emptyDir volume."""
    by_name = {volume.get("name", ""): volume for volume in volumes}
    for where, variable in enumerate_items(container.get("env"), f"{path}.env"):
        reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
        if reference is None:
            continue
        name, place = reference.get("volumeName", ""), f"{where}.valueFrom.fileKeyRef.volumeName"
        if name not in by_name:
            yield field.not_found(place, name)
        elif by_name[name].get("emptyDir") is None:
            yield field.invalid(place, name, "referenced volume must be of type emptyDir")
