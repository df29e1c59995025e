"""What of an object's metadata an update may change.

Every update is judged as a new object's metadata and as a change of it. The rules of most kinds judge the
change once more, some the whole again, and each time tells its own causes: clients see them all.
Source: upstream staging/src/k8s.io/apiserver/pkg/registry/rest/update.go (BeforeUpdate),
apimachinery/pkg/api/validation/objectmeta.go, pkg/registry/*/*/strategy.go (ValidateUpdate).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import field_managers, metadata
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource

#: How often a kind's own rules judge the metadata again: as of a new object, as a change.
_CHANGE: Final = (0, 1)
_BOTH: Final = (1, 1)
_NEW: Final = (1, 0)
_NEVER: Final = (0, 0)
_AGAIN: Final[dict[tuple[str, str], tuple[int, int]]] = {
    ("", "configmaps"): _BOTH,
    ("", "endpoints"): _BOTH,
    ("", "events"): _NEVER,
    ("", "limitranges"): _NEW,
    ("", "namespaces"): _BOTH,
    ("", "nodes"): _BOTH,
    ("", "persistentvolumeclaims"): _BOTH,
    ("", "persistentvolumes"): (2, 0),
    ("", "pods"): _BOTH,
    ("", "secrets"): _BOTH,
    ("", "serviceaccounts"): _BOTH,
    ("apps", "controllerrevisions"): _BOTH,
    # Its own rules stand between the two, and ask for them.
    ("batch", "jobs"): _NEVER,
    ("discovery.k8s.io", "endpointslices"): _NEW,
    ("networking.k8s.io", "ingressclasses"): _BOTH,
    ("networking.k8s.io", "ingresses"): _BOTH,
    ("networking.k8s.io", "ipaddresses"): _BOTH,
    ("node.k8s.io", "runtimeclasses"): _BOTH,
    ("policy", "poddisruptionbudgets"): _NEVER,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _BOTH,
    ("rbac.authorization.k8s.io", "clusterroles"): _BOTH,
    ("rbac.authorization.k8s.io", "rolebindings"): _BOTH,
    ("rbac.authorization.k8s.io", "roles"): _BOTH,
    ("storage.k8s.io", "csinodes"): _NEW,
    ("storage.k8s.io", "csistoragecapacities"): _BOTH,
    ("storage.k8s.io", "storageclasses"): _BOTH,
    ("storage.k8s.io", "volumeattachments"): _NEW,
    ("storage.k8s.io", "volumeattributesclasses"): _BOTH,
}
#: They judge the whole before the change.
_NEW_FIRST: Final = {
    ("", "namespaces"),
    ("", "nodes"),
    ("networking.k8s.io", "ipaddresses"),
    ("node.k8s.io", "runtimeclasses"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
    ("storage.k8s.io", "csistoragecapacities"),
    ("storage.k8s.io", "storageclasses"),
}
_STATUS_AGAIN: Final[dict[tuple[str, str], tuple[int, int]]] = {
    ("batch", "cronjobs"): _NEVER,
    ("policy", "poddisruptionbudgets"): _NEVER,
    ("storage.k8s.io", "volumeattachments"): _NEVER,
}
#: Of other parts: static pods have one error only.
_PART_AGAIN: Final[dict[tuple[str, str], tuple[int, int]]] = {("", "pods"): _NEVER}


def validate(resource: Resource, obj: JsonObject, old: JsonObject, subresource: str = "") -> list[FieldError]:
    """Metadata of a changed object; subresource: what of it was written."""
    whole, change = (
        _validate_new_metadata(obj["metadata"], own=False),
        _validate_changed_metadata(obj["metadata"], old["metadata"]),
    )
    table = _STATUS_AGAIN if subresource == "status" else _AGAIN if not subresource else _PART_AGAIN
    as_new, as_change = table.get((resource.group, resource.plural), _CHANGE)
    own = metadata.requires_known_finalizers(resource)
    new = _validate_new_metadata(obj["metadata"], own=own) * as_new
    changed = (
        validate_change(obj, old) if own else _validate_changed_metadata(obj["metadata"], old["metadata"])
    ) * as_change
    if (resource.group, resource.plural) in _NEW_FIRST:
        return [*whole, *change, *new, *changed]
    return [*whole, *change, *changed, *new]


def validate_as_new(obj: JsonObject) -> list[FieldError]:
    """For kinds whose own rules stand between the two."""
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
            shown = "[]string{" + ", ".join(status.quoted(each) for each in added) + "}"
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
