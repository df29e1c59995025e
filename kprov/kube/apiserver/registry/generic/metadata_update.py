"""What of an object's metadata an update may change.

An update is validated as a new object's metadata and as a change of the stored object's.
Source: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/update.go (BeforeUpdate),
apimachinery/pkg/api/validation/objectmeta.go, pkg/registry/*/*/strategy.go (ValidateUpdate).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic import field_managers, metadata
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


def validate(strategy: Strategy, obj: JsonObject, old: JsonObject, subresource: str = "") -> list[FieldError]:
    """Field rules of a changed object's metadata. subresource: the path of the write, "" for the object."""
    own = strategy.requires_known_finalizers and subresource not in strategy.any_finalizer_updates
    return [
        *_validate_new_metadata(obj["metadata"], own=own),
        *_validate_changed_metadata(obj["metadata"], old["metadata"]),
    ]


def validate_as_new(obj: JsonObject) -> list[FieldError]:
    """Field rules of the metadata as of a new object."""
    return _validate_new_metadata(obj["metadata"], own=True)


def validate_change(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    own = metadata.validate_known_finalizers(obj["metadata"].get("finalizers") or ())
    return [*_validate_changed_metadata(obj["metadata"], old["metadata"]), *own]


def _validate_new_metadata(new: JsonObject, *, own: bool) -> list[FieldError]:
    finalizers = metadata.validate_finalizers(new.get("finalizers") or (), own=own)
    return [
        *metadata.validate_common_metadata(new),
        *finalizers,
        *field_managers.validate_managed_fields(new.get("managedFields")),
    ]


def _validate_changed_metadata(new: JsonObject, before: JsonObject) -> list[FieldError]:
    errors: list[FieldError] = []
    if before.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers") or ()) - set(before.get("finalizers") or ()))
        if added:
            text = "no new finalizers can be added if the object is being deleted, found new finalizers "
            shown = "[]string{" + ", ".join(status.quoted(finalizer) for finalizer in added) + "}"
            errors.append(field.forbidden("metadata.finalizers", text + shown))
    errors += [
        field.invalid(f"metadata.{name}", new.get(name), "field is immutable")
        for name in ("name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds")
        if new.get(name) != before.get(name)
    ]
    return [
        *errors,
        *metadata.validate_common_metadata(new),
        *field_managers.validate_managed_fields(new.get("managedFields")),
    ]
