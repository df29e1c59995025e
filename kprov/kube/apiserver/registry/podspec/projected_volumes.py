"""Volumes from config maps, secrets, tokens and pod fields.

Source: upstream pkg/apis/core/validation/validation.go (validateProjectionSources).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_annotations,
    check_label_selector,
    check_local_file,
    check_range,
    enumerate_items,
    require_fields,
)
from kprov.kube.apiserver.registry.generic.signer_name import check_signer_name
from kprov.kube.apiserver.registry.podspec import environment
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
_FIELDS: Final = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
]
_KEY_TYPES: Final = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"]
_CONFLICT: Final = "conflicting duplicate paths"
_DAY: Final = 86400


def validate_mode(source: JsonObject, path: str, part: str = "defaultMode") -> Errors:
    yield from check_range(source.get(part), f"{path}.{part}", 0, 0o777, _MODE)


def make_files_validator(name: str) -> Callable[[JsonObject, str], Errors]:
    """Make the validator of a secret or config map volume. name: the field with the object's name."""

    def check(source: JsonObject, path: str) -> Errors:
        yield from require_fields(source, path, name)
        yield from validate_mode(source, path)
        for where, item in enumerate_items(source.get("items"), f"{path}.items"):
            yield from _validate_key_to_path(item, where)

    return check


def _validate_key_to_path(item: JsonObject, path: str) -> Errors:
    yield from require_fields(item, path, "key", "path")
    yield from check_local_file(item.get("path", ""), f"{path}.path")
    yield from validate_mode(item, path, "mode")


def validate_downward_api(source: JsonObject, path: str) -> Errors:
    yield from validate_mode(source, path)
    for item in source.get("items") or ():
        yield from _validate_downward_file(item, path)


def _validate_downward_file(item: JsonObject, path: str) -> Errors:
    yield from require_fields(item, path, "path")
    yield from check_local_file(item.get("path", ""), f"{path}.path")
    own, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if own is not None:
        yield from environment.validate_field_ref(own, f"{path}.fieldRef", _FIELDS)
        if resource is not None:
            text = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield field.invalid(path, "resource", text)
    elif resource is not None:
        yield from environment.validate_resource_field_ref(resource, f"{path}.resourceFieldRef", volume=True)
    else:
        yield field.required(path, "one of fieldRef and resourceFieldRef is required")
    yield from validate_mode(item, path, "mode")


def validate_projected(source: JsonObject, path: str) -> Errors:
    yield from validate_mode(source, path)
    taken: set[str] = set()
    for where, part in enumerate_items(source.get("sources"), f"{path}.sources"):
        kinds = [kind for kind in _PROJECTIONS if part.get(kind) is not None]
        for kind in kinds:
            yield from _PROJECTIONS[kind](part[kind], f"{where}.{kind}", path)
            for place, owner in _list_paths(kind, part[kind]):
                if place in taken:
                    yield field.invalid(path, owner, _CONFLICT)
                taken.add(place)
        if len(kinds) > 1:
            yield field.forbidden(where, "may not specify more than 1 volume type per source")


def _list_paths(kind: str, part: JsonObject) -> list[tuple[str, str]]:
    """(path, name in the error) for each file of a projected source."""
    if kind in {"secret", "configMap"}:
        return [(item["path"], part.get("name", "")) for item in part.get("items") or () if item.get("path")]
    if kind == "downwardAPI":
        return [(item["path"], item["path"]) for item in part.get("items") or () if item.get("path")]
    if kind == "clusterTrustBundle":
        return [(part.get("path", ""), part.get("path", ""))]
    if kind == "podCertificate":
        return [(part[name], part[name]) for name in _CERTIFICATE_PATHS if part.get(name)]
    return []


_CERTIFICATE_PATHS: Final = ("credentialBundlePath", "keyPath", "certificateChainPath")


def _validate_named_files(part: JsonObject, path: str, whole: str) -> Errors:
    del whole
    yield from require_fields(part, path, "name")
    for where, item in enumerate_items(part.get("items"), f"{path}.items"):
        yield from _validate_key_to_path(item, where)


def _validate_downward(part: JsonObject, path: str, whole: str) -> Errors:
    del whole
    for item in part.get("items") or ():
        yield from _validate_downward_file(item, path)


def _validate_token(part: JsonObject, path: str, whole: str) -> Errors:
    seconds, where = part.get("expirationSeconds", 0), f"{path}.expirationSeconds"
    if seconds < 600:
        yield field.invalid(where, seconds, "may not specify a duration less than 10 minutes")
    if seconds > 1 << 32:
        yield field.invalid(where, seconds, "may not specify a duration larger than 2^32 seconds")
    if not part.get("path"):
        yield field.required(f"{whole}.path")
    else:
        yield from check_local_file(part["path"], f"{whole}.path")


def _validate_trust_bundle(part: JsonObject, path: str, whole: str) -> Errors:
    del whole
    name, signer = part.get("name"), part.get("signerName")
    if name is not None and signer is not None:
        yield field.invalid(path, part, "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            yield field.required(f"{path}.name", "must be a valid object name")
        for text in names.is_dns1123_subdomain(name.rpartition(":")[2]):
            yield field.invalid(f"{path}.name", name, f"not a valid clustertrustbundlename: {text}")
        if part.get("labelSelector") is not None:
            text = "labelSelector must be unset if name is specified"
            yield field.invalid(f"{path}.labelSelector", part["labelSelector"], text)
    elif signer is not None:
        if not signer:
            yield field.required(f"{path}.signerName", "must be a valid signer name")
        yield from check_signer_name(signer, f"{path}.signerName")
        yield from check_label_selector(part.get("labelSelector"), f"{path}.labelSelector")
    else:
        yield field.required(path, "either name or signerName must be specified")
    yield from require_fields(part, path, "path")
    yield from check_local_file(part.get("path", ""), f"{path}.path")


def _validate_certificate(part: JsonObject, path: str, whole: str) -> Errors:
    del whole
    signer = part.get("signerName", "")
    yield from check_signer_name(signer, f"{path}.signerName")
    yield from check_annotations(part.get("userAnnotations"), f"{path}.userAnnotations")
    if part.get("keyType", "") not in _KEY_TYPES:
        yield field.not_supported(f"{path}.keyType", part.get("keyType", ""), _KEY_TYPES)
    seconds, where = part.get("maxExpirationSeconds"), f"{path}.maxExpirationSeconds"
    own = signer.partition("/")[0].endswith("kubernetes.io")
    most = _DAY if own else 91 * _DAY
    if seconds is not None and seconds < 3600:
        yield field.invalid(where, seconds, "if provided, maxExpirationSeconds must be >= 3600")
    if seconds is not None and seconds > most:
        yield field.invalid(where, seconds, f"if provided, maxExpirationSeconds must be <= {most}")
    path_fields = [name for name in _CERTIFICATE_PATHS if part.get(name)]
    for name in path_fields:
        yield from check_local_file(part[name], f"{path}.{name}")
    if not path_fields:
        text = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        yield field.required(path, text)


_PROJECTIONS: Final = {
    "secret": _validate_named_files,
    "configMap": _validate_named_files,
    "downwardAPI": _validate_downward,
    "serviceAccountToken": _validate_token,
    "clusterTrustBundle": _validate_trust_bundle,
    "podCertificate": _validate_certificate,
}
