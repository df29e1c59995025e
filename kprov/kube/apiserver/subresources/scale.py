"""scale: read and set the replicas of a workload as autoscaling/v1 Scale.

Source: upstream pkg/registry/apps/deployment/storage/storage.go (ScaleREST).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks, metadata_update
from kprov.kube.apiserver.registry.generic.metadata import describe_failed_precondition, format_key
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.subresources import scale_owners
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.machinery import field, status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import object_schema, zero_values
from kprov.kube.machinery.selectors import LabelSelector, SelectorError

#: (group, plural) of the resources with a scale subresource.
SCALED: Final = (
    ("", "replicationcontrollers"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
)
_SCALE: Final = ("autoscaling", "v1", "Scale")


async def handle_scale(call: Call) -> Reply:
    """Handle GET, PUT and PATCH."""
    store = call.registry.store(call.resource.group, call.resource.plural)
    if call.context.info.verb == "get":
        return Reply(build_scale(await store.get(call.context, call.namespace, call.name)))
    wanted = await call.read_change()

    def rescale(parent: JsonObject | None) -> JsonObject:
        assert parent is not None
        metadata = parent["metadata"]
        current = build_scale(parent)
        owners = metadata.get("managedFields")
        if owners:
            current["metadata"]["managedFields"] = scale_owners.convert_to_scale(
                owners, store.resource.api_version
            )
        live = patch_types.copy_document(current)
        new = wanted(current)
        if not call.context.applied:
            manager = call.context.manager
            zero_values.normalize(new, object_schema.builtin().node(_SCALE))  # nobody owns no replicas
            field_ownership.update(live, new, _SCALE, manager=manager, subresource="scale")
        taken = new["metadata"].get("managedFields")
        if owners or taken:
            metadata["managedFields"] = scale_owners.convert_to_workload(
                owners, taken, store.resource.api_version
            )
        key = store.cache.key(metadata.get("namespace", ""), metadata["name"])
        return apply_scale(parent, new, store.resource, call.context, key)

    obj, _ = await store.update(call.context, call.namespace, call.name, rescale, subresource="scale")
    return Reply(build_scale(obj))


def build_scale(parent: JsonObject) -> JsonObject:
    """Return the Scale of a workload."""
    metadata, spec, parent_status = parent["metadata"], parent.get("spec") or {}, parent.get("status") or {}
    shown: JsonObject = {"replicas": parent_status.get("replicas", 0)}
    selector = _format_selector(spec.get("selector"))
    if selector:
        shown["selector"] = selector
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    replicas = spec.get("replicas")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in fields if metadata.get(name)},
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def apply_scale(
    parent: JsonObject, new: JsonObject, resource: Resource, context: RequestContext, key: str
) -> JsonObject:
    """Set the replicas of a Scale in its workload. Raise Invalid, and Conflict by its resourceVersion."""
    metadata = parent["metadata"]
    wanted = new.get("metadata") or {}
    is_patch = context.info.verb == "patch"
    is_other = wanted.get("uid") and wanted["uid"] != metadata["uid"]
    if is_other and not is_patch:
        shown = format_key(key, dry_run=context.dry_run)
        text = describe_failed_precondition(shown, "UID", wanted["uid"], metadata["uid"])
        raise status.conflict(resource, metadata["name"], text)
    replicas = (new.get("spec") or {}).get("replicas") or 0
    errors = [*checks.check_not_negative(wanted, "metadata", "generation")]
    errors += metadata_update.validate_as_new({"metadata": wanted})
    if replicas < 0:
        errors.append(field.invalid("spec.replicas", replicas, "must be greater than or equal to 0"))
    if errors:
        raise status.invalid("autoscaling", "Scale", metadata["name"], errors)
    if is_other:
        text = f"Precondition failed: UID in precondition: {wanted['uid']}, "
        text += f"UID in object meta: {metadata['uid']}"
        group = f".{resource.group}" if resource.group else ""
        raise status.conflict(f"{resource.plural}/scale{group}", metadata["name"], text)
    parent.setdefault("spec", {})["replicas"] = replicas
    metadata["resourceVersion"] = wanted.get("resourceVersion", "")
    return parent


def _format_selector(selector: JsonObject | None) -> str:
    """Format a selector; that of a replication controller is a map of labels."""
    if selector is None:
        return ""
    try:
        if "matchLabels" in selector or "matchExpressions" in selector:
            return str(LabelSelector.from_object(selector))
        return str(LabelSelector.from_labels(selector))
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
