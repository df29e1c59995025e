"""The rules of metadata that every object has in common.

Source: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/{create,update,meta}.go and
apimachinery/pkg/api/validation/objectmeta.go.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from kprov.kube.apiserver.registry.generic import checks, field_managers
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.machinery import field, names, status, timestamps
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX: Final = 5
_NAME_MAX: Final = 63
_STANDARD_FINALIZERS: Final = {"kubernetes", "orphan", "foregroundDeletion"}
_FIXED_FIELDS: Final = ("uid", "creationTimestamp", "generation")


def generate_name(prefix: str) -> str:
    """Return the prefix with five random characters."""
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))
    return prefix[: _NAME_MAX - _SUFFIX] + suffix


def prepare_for_create(resource: Resource, namespace: str, obj: JsonObject, *, posted: bool = True) -> None:
    """Set uid, creationTimestamp and the namespace.

    posted: a POST request creates the object. An object that an update or a patch creates may have a
    deletionTimestamp, and the store drops its selfLink.
    """
    metadata = obj.setdefault("metadata", {})
    if posted:
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(name, None)
    if resource.namespaced:
        check_namespace(metadata.get("namespace", ""), namespace)
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamps.now()


def take_version(metadata: JsonObject) -> str:
    """Remove resourceVersion from a new object's metadata and return it; "" for none."""
    version = metadata.pop("resourceVersion", None)
    return "" if version in {None, "0"} else str(version)


def reject_version(version: str) -> None:
    """Reject a new object that names a version. As in upstream, admission and validation come first."""
    if version:
        raise status.bad_request("resourceVersion should not be set on objects to be created")


def set_generated_name(metadata: JsonObject) -> None:
    """Generate a name if only generateName is set."""
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(metadata["generateName"])


def format_key(key: str, *, dry_run: bool) -> str:
    """Return a key for error messages. As upstream, a dry run shows it without the prefix /registry."""
    return key.removeprefix("/registry") if dry_run else key


def describe_failed_precondition(key: str, label: str, wanted: str, stored_value: str) -> str:
    """Upstream's message for a failed precondition. label: UID or ResourceVersion."""
    return (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {stored_value}"
    )


def check_uid(resource: Resource, obj: JsonObject, old: JsonObject, key: str) -> None:
    """Raise Conflict if the sent uid is not that of the stored object."""
    wanted, stored_uid = obj["metadata"].get("uid") or "", old["metadata"].get("uid", "")
    if wanted and wanted != stored_uid:
        text = describe_failed_precondition(key, "UID", wanted, stored_uid)
        raise status.conflict(resource, old["metadata"]["name"], text)


def prepare_for_update(resource: Resource, obj: JsonObject, old: JsonObject) -> None:
    """Restore metadata that no update may change. A uid that a patch sets is validated later."""
    metadata, before = obj["metadata"], old["metadata"]
    name = before["name"]
    wanted = metadata.get("uid") or ""
    for kept in _FIXED_FIELDS:
        if kept in before:
            metadata[kept] = before[kept]
        else:
            metadata.pop(kept, None)
    if wanted:
        metadata["uid"] = wanted
    if "namespace" in before:
        metadata["namespace"] = before["namespace"]
    elif not resource.namespaced:
        metadata.pop("namespace", None)
    metadata.setdefault("name", name)


def keep_deletion(obj: JsonObject, old: JsonObject) -> None:
    """Keep deletionTimestamp and grace period of the stored object. Validation refuses other values."""
    metadata, before = obj["metadata"], old["metadata"]
    if before.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = before["deletionTimestamp"]
    grace = before.get("deletionGracePeriodSeconds")
    if grace is not None and metadata.get("deletionGracePeriodSeconds") is None:
        metadata["deletionGracePeriodSeconds"] = grace


def make_missing_namespace_error() -> status.StatusError:
    """Return the error for a path of one object with an empty namespace."""
    return status.bad_request("Namespace parameter required.")


def check_namespace(object_namespace: str | None, namespace: str) -> None:
    """Raise BadRequest if the object's namespace is not that of the path."""
    if object_namespace and namespace and object_namespace != namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def drop_duplicate_owners(metadata: JsonObject, *, is_patch: bool = False) -> list[str]:
    """Drop duplicate ownerReferences. Returns a warning if there were any.

    Source: upstream apiserver/pkg/endpoints/handlers/rest.go, which looks at patches after admission.
    """
    owners: list[JsonObject] = metadata.get("ownerReferences") or []
    if len(owners) < 2:
        return []
    single: dict[bytes, JsonObject] = {}
    twice: list[str] = []
    for owner in owners:
        key = orjson.dumps(owner, option=orjson.OPT_SORT_KEYS)
        if key in single:
            twice.append(owner.get("uid", ""))
        else:
            single[key] = owner
    if not twice:
        return []
    metadata["ownerReferences"] = list(single.values())
    when = " after mutating admission happens" if is_patch else ""
    text = (
        f".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in "
        "1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) "
        f"observed: {', '.join(twice)}"
    )
    return [text]


def validate(resource: Resource, strategy: Strategy, obj: JsonObject) -> list[FieldError]:
    """Field rules of a new object's metadata."""
    metadata = obj["metadata"]
    errors: list[FieldError] = []
    name, prefix = metadata.get("name", ""), metadata.get("generateName", "")
    if prefix:
        # The generated name does not end with the hyphen.
        tried = prefix[:-1] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix
        errors += [
            field.invalid("metadata.generateName", prefix, text) for text in strategy.check_name(tried)
        ]
    if not name:
        errors.append(field.required("metadata.name", "name or generateName is required"))
    else:
        errors += [field.invalid("metadata.name", name, text) for text in strategy.check_name(name)]
    if resource.namespaced and not metadata.get("namespace"):
        errors.append(field.required("metadata.namespace"))
    generation = metadata.get("generation") or 0
    if generation < 0:
        errors.append(field.invalid("metadata.generation", generation, checks.NOT_NEGATIVE))
    own = strategy.requires_known_finalizers
    errors += [
        *validate_common_metadata(metadata),
        *validate_finalizers(metadata.get("finalizers") or (), own=own),
    ]
    return [*errors, *field_managers.validate_managed_fields(metadata.get("managedFields"))]


def validate_common_metadata(metadata: JsonObject) -> list[FieldError]:
    """Field rules that new and changed objects share."""
    return [
        *checks.check_labels(metadata.get("labels"), "metadata.labels"),
        *checks.check_annotations(metadata.get("annotations"), "metadata.annotations"),
        *_validate_owner_references(metadata.get("ownerReferences") or ()),
    ]


def _validate_owner_references(owners: Sequence[JsonObject]) -> Iterator[FieldError]:
    path, controller = "metadata.ownerReferences", ""
    for owner in owners:
        parts = owner.get("apiVersion", "").split("/")
        if len(parts) > 2 or not parts[-1]:
            text = "version must not be empty"
            yield field.invalid(f"{path}.apiVersion", owner.get("apiVersion", ""), text)
        for part in ("kind", "name", "uid"):
            if not owner.get(part):
                yield field.invalid(f"{path}.{part}", owner.get(part, ""), "must not be empty")
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            yield field.invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            shown = f"{owner.get('kind', '')}/{owner.get('name', '')}"
            if controller:
                text = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {shown}"
                )
                yield field.invalid(path, owners, text)
            controller = controller or shown


def validate_finalizers(values: Sequence[str], *, own: bool) -> Iterator[FieldError]:
    """Field rules of finalizers. own: names without a domain must be known."""
    path = "metadata.finalizers"
    for value in values:
        yield from checks.check_value(value, path, names.is_qualified_name)
    if {"orphan", "foregroundDeletion"} <= set(values):
        text = "finalizer orphan and foregroundDeletion cannot be both set"
        yield field.invalid(path, values, text)
    if own:
        yield from validate_known_finalizers(values)


def validate_known_finalizers(values: Sequence[str]) -> Iterator[FieldError]:
    path = "metadata.finalizers"
    for index, value in enumerate(values):
        yield from validate_known_finalizer(value, f"{path}[{index}]")


def validate_known_finalizer(value: str, path: str) -> Iterator[FieldError]:
    """Refuse a name without a domain that Kubernetes itself does not use."""
    if "/" not in value and value not in _STANDARD_FINALIZERS:
        yield field.invalid(
            path, value, "name is neither a standard finalizer name nor is it fully qualified"
        )
