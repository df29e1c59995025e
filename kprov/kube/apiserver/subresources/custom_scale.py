"""scale of custom resources: the replicas at the paths that the definition names.

Source: apiextensions-apiserver/pkg/registry/customresource/etcd.go (ScaleREST).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.apiextensions.custom_resource import scale as scale_paths
from kprov.kube.apiserver.registry.apiextensions.custom_resource.scale import ScalePaths
from kprov.kube.apiserver.registry.apiextensions.custom_resource.strategy import CustomResourceStrategy
from kprov.kube.apiserver.registry.generic import metadata_update
from kprov.kube.apiserver.registry.served_kind import StoredKind
from kprov.kube.apiserver.subresources import scale_owners
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.machinery import field, status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_ownership
from kprov.kube.machinery.patch import patch_types
from kprov.kube.machinery.resources import Resource
from kprov.kube.machinery.schema import object_schema, zero_values

_SCALE: Final = ("autoscaling", "v1", "Scale")
_METADATA: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


async def handle_scale(call: Call) -> Reply:
    """Handle GET, PUT and PATCH."""
    resource = call.resource
    kind = call.registry.kinds.current.find(resource.group, resource.version, resource.plural)
    if not isinstance(kind, StoredKind):
        raise status.path_not_found()  # the definition was removed meanwhile
    store, strategy = kind.store, kind.store.strategy
    assert isinstance(strategy, CustomResourceStrategy)
    paths = strategy.scale
    if paths is None:
        raise status.path_not_found()
    if call.context.info.verb == "get":
        return Reply(_build_scale(await store.get(call.context, call.namespace, call.name), paths))
    wanted = await call.read_change()
    version, replicas_path = store.resource.api_version, tuple(f"f:{name}" for name in paths.replicas)

    def rescale(parent: JsonObject | None) -> JsonObject:
        assert parent is not None
        metadata = parent["metadata"]
        current = _build_scale(parent, paths, allow_missing=True)
        owners = metadata.get("managedFields")
        if owners:
            current["metadata"]["managedFields"] = scale_owners.convert_to_scale(
                owners, version, replicas_path
            )
        live = patch_types.copy_document(current)
        new = wanted(current)
        if call.context.info.verb == "patch" and scale_paths.find(parent, paths.replicas) is None:
            _require_replicas(new, paths)
        if not call.context.applied:
            zero_values.normalize(new, object_schema.builtin().node(_SCALE))
            manager = call.context.manager
            field_ownership.update(live, new, _SCALE, manager=manager, subresource="scale")
        taken = new["metadata"].get("managedFields")
        if owners or taken:
            metadata["managedFields"] = scale_owners.convert_to_workload(
                owners, taken, version, replicas_path
            )
        return _apply_scale(parent, new, paths, store.resource)

    obj, _ = await store.update(call.context, call.namespace, call.name, rescale, subresource="scale")
    return Reply(_build_scale(obj, paths))


def _build_scale(parent: JsonObject, paths: ScalePaths, *, allow_missing: bool = False) -> JsonObject:
    """Build the Scale of an object. Raise StatusError 500 if it has no replicas."""
    metadata = parent["metadata"]
    replicas = scale_paths.find(parent, paths.replicas)
    if replicas is None and not allow_missing:
        raise status.internal_error(f'the spec replicas field ".{".".join(paths.replicas)}" does not exist')
    shown: JsonObject = {"replicas": scale_paths.find(parent, paths.status_replicas) or 0}
    selector = scale_paths.find(parent, paths.selector) if paths.selector else None
    if selector:
        shown["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in _METADATA if metadata.get(name)},
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def _apply_scale(parent: JsonObject, new: JsonObject, paths: ScalePaths, resource: Resource) -> JsonObject:
    """Set the replicas of a Scale in its object. Raise Invalid, and Conflict by its uid."""
    metadata, wanted = parent["metadata"], new.get("metadata") or {}
    replicas = (new.get("spec") or {}).get("replicas") or 0
    errors = list(metadata_update.validate_as_new({"metadata": wanted}))
    if replicas < 0:
        errors.append(field.invalid("spec.replicas", replicas, "should be a non-negative integer"))
    if errors:
        raise status.invalid("autoscaling", "Scale", metadata["name"], errors)
    if wanted.get("uid") and wanted["uid"] != metadata["uid"]:
        text = f"Precondition failed: UID in precondition: {wanted['uid']}, "
        text += f"UID in object meta: {metadata['uid']}"
        raise status.conflict(resource, metadata["name"], text)
    scale_paths.put(parent, paths.replicas, replicas)
    # A Scale without a version is no precondition. The object keeps its own, which its update requires.
    if wanted.get("resourceVersion"):
        metadata["resourceVersion"] = wanted["resourceVersion"]
    return parent


def _require_replicas(new: JsonObject, paths: ScalePaths) -> None:
    """Raise BadRequest if a patch leaves an object without replicas as it is."""
    if (new.get("spec") or {}).get("replicas") is None:
        raise status.bad_request(f'the spec replicas field ".{".".join(paths.replicas)}" cannot be empty')
