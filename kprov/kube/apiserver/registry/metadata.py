"""The rules of metadata that every object has in common.

Source: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/{create,update,meta}.go and
apimachinery/pkg/api/validation/objectmeta.go.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from typing import Any, Final

from kprov.kube.machinery import field, names, status, timestamps
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.resources import Resource

Object = dict[str, Any]

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX: Final = 5
_NAME_MAX: Final = 63
_ANNOTATIONS_MAX: Final = 256 * 1024
_KEPT: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")

_LABEL_NAMES: Final = {"namespaces", "services"}
_PATH_NAMES: Final = {
    "rbac.authorization.k8s.io",
    "flowcontrol.apiserver.k8s.io",
}


def generated_name(prefix: str) -> str:
    """A name that starts with the prefix, with five letters that spell nothing."""
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))
    return prefix[: _NAME_MAX - _SUFFIX] + suffix


def prepare_for_create(resource: Resource, namespace: str, obj: Object) -> None:
    """Set what the server sets: uid, creationTimestamp, a generated name, the namespace."""
    metadata = obj.setdefault("metadata", {})
    if metadata.get("resourceVersion") not in {None, "", "0"}:
        raise status.bad_request("resourceVersion should not be set on objects to be created")
    for name in (
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation",
    ):
        metadata.pop(name, None)
    given = metadata.get("namespace", "")
    if resource.namespaced:
        if given and given != namespace:
            raise status.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        metadata["namespace"] = namespace
    elif given:
        raise status.bad_request("namespace should not be set on a cluster-scoped resource")
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated_name(metadata["generateName"])
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamps.now()


def prepare_for_update(resource: Resource, obj: Object, old: Object) -> None:
    """Keep from the stored object what no update may change; refuse another name, namespace or uid."""
    metadata, before = obj.setdefault("metadata", {}), old["metadata"]
    name = before["name"]
    if metadata.get("uid") and metadata["uid"] != before.get("uid"):
        text = (
            f"Precondition failed: UID in precondition: {metadata['uid']}, "
            f"UID in object meta: {before.get('uid')}"
        )
        raise status.conflict(resource, name, text)
    metadata.pop("selfLink", None)
    for kept in _KEPT:
        if kept in before:
            metadata[kept] = before[kept]
        else:
            metadata.pop(kept, None)
    if "namespace" in before:
        metadata["namespace"] = before["namespace"]
    if "generateName" in before:
        metadata.setdefault("generateName", before["generateName"])
    metadata.setdefault("name", name)


def name_check(resource: Resource) -> Callable[[str], list[str]]:
    """What a name of that resource must look like."""
    if resource.group in _PATH_NAMES and resource.group.startswith("rbac"):
        return _path_segment
    if resource.plural in _LABEL_NAMES and not resource.group:
        return names.is_dns1035_label if resource.plural == "services" else names.is_dns1123_label
    return names.is_dns1123_subdomain


def _path_segment(name: str) -> list[str]:
    if name in {".", ".."}:
        return [f"may not be '{name}'"]
    return [f"may not contain '{illegal}'" for illegal in ("/", "%") if illegal in name]


def validate(resource: Resource, obj: Object) -> list[FieldError]:
    """Metadata of a new object."""
    metadata = obj["metadata"]
    errors: list[FieldError] = []
    name = metadata.get("name", "")
    if not name:
        errors.append(field.required("metadata.name", "name or generateName is required"))
    else:
        errors += [field.invalid("metadata.name", name, text) for text in name_check(resource)(name)]
    return errors + _validate_rest(metadata)


def validate_update(obj: Object, old: Object) -> list[FieldError]:
    """Metadata of a changed object."""
    metadata, before = obj["metadata"], old["metadata"]
    errors: list[FieldError] = []
    errors += [
        field.invalid(f"metadata.{name}", metadata.get(name), "field is immutable")
        for name in ("name", "namespace")
        if metadata.get(name) != before.get(name)
    ]
    if before.get("deletionTimestamp"):
        added = sorted(set(metadata.get("finalizers") or ()) - set(before.get("finalizers") or ()))
        if added:
            text = "no new finalizers can be added if the object is being deleted, found new finalizers "
            shown = "[]string{" + ", ".join(status.quoted(each) for each in added) + "}"
            errors.append(field.forbidden("metadata.finalizers", text + shown))
    return errors + _validate_rest(metadata)


def _validate_rest(metadata: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for key, value in (metadata.get("labels") or {}).items():
        errors += [field.invalid("metadata.labels", key, text) for text in names.is_qualified_name(key)]
        errors += [field.invalid("metadata.labels", value, text) for text in names.is_label_value(value)]
    size = 0
    for key, value in (metadata.get("annotations") or {}).items():
        errors += [
            field.invalid("metadata.annotations", key, text) for text in names.is_qualified_name(key.lower())
        ]
        size += len(key) + len(value)
    if size > _ANNOTATIONS_MAX:
        errors.append(field.too_long("metadata.annotations", _ANNOTATIONS_MAX))
    for finalizer in metadata.get("finalizers") or ():
        errors += [
            field.invalid("metadata.finalizers", finalizer, text)
            for text in names.is_qualified_name(finalizer)
        ]
    controllers = 0
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        path = f"metadata.ownerReferences[{index}]"
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                errors.append(field.invalid(f"{path}.{part}", owner.get(part, ""), "must not be empty"))
        controllers += owner.get("controller") is True
    if controllers > 1:
        owners = metadata.get("ownerReferences")
        errors.append(
            field.invalid(
                "metadata.ownerReferences", owners, "Only one reference can have Controller set to true"
            )
        )
    return errors
