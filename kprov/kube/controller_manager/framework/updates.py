"""Changes of objects as updates: upstream's roles let most controllers update objects, but not patch them."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import orjson

from kprov.kube.api.meta import Object
from kprov.kube.client import ApiError, ResourceClient
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch.patch_types import merge_patch

Kind = TypeVar("Kind", bound=Object)


async def update_whole(
    resource: ResourceClient[Kind], obj: Kind, change: JsonObject, *, subresource: str = ""
) -> Kind:
    """Update an object whose view has all fields. change: a merge patch. 409 if the object has changed."""
    document = merge_patch(msgspec.to_builtins(obj), change)
    return await _put(resource, obj, document, subresource)


async def update_content(
    resource: ResourceClient[Kind], obj: Kind, metadata: JsonObject, content: JsonObject
) -> Kind:
    """Replace all of an object but its metadata. metadata: a merge patch. 409 if the object has changed.

    For objects of many entries: the old ones are neither copied nor compared.
    """
    document = merge_patch({"metadata": msgspec.to_builtins(obj.metadata)}, {"metadata": metadata})
    return await _put(resource, obj, document | content, "")


async def update_status(
    resource: ResourceClient[Kind], obj: Kind, status: JsonObject, *, retry: bool = True
) -> Kind:
    """Update the status, whose view has all fields. status: a merge patch of it.

    If the object has changed since it was read, merge into the newest object. retry False: raise 409 instead.
    """
    try:
        return await _put_status(resource, obj, status)
    except ApiError as error:
        if not (retry and error.is_conflict):
            raise
        fresh = await resource.get(obj.metadata.name, namespace=obj.metadata.namespace or None)
        if fresh.metadata.uid != obj.metadata.uid:
            raise
    return await _put_status(resource, fresh, status)


async def edit_read(resource: ResourceClient[Kind], obj: Kind, edit: Callable[[JsonObject], None]) -> Kind:
    """Read the whole object and update it, for views that lack fields. edit: changes the whole object.

    409 if the object has another version than `obj`.
    """
    document = await _read(resource, obj)
    edit(document)
    return await _put(resource, obj, document, "")


async def _read(resource: ResourceClient[Kind], obj: Kind) -> JsonObject:
    path = resource.path(obj.metadata.namespace or None, obj.metadata.name)
    document: JsonObject = orjson.loads(await resource.client.request("GET", path))
    return document


async def _put_status(resource: ResourceClient[Kind], obj: Kind, status: JsonObject) -> Kind:
    known: JsonObject = msgspec.to_builtins(obj)
    # The server takes the spec from the stored object.
    document = {"metadata": known["metadata"], "status": merge_patch(known.get("status", {}), status)}
    return await _put(resource, obj, document, "status")


async def _put(resource: ResourceClient[Kind], obj: Kind, document: JsonObject, subresource: str) -> Kind:
    """Name the version that the change was computed from. Objects of lists and watches have no kind."""
    metadata = {**document["metadata"], "resourceVersion": obj.metadata.resource_version}
    kind = {"apiVersion": resource.api_version, "kind": obj.kind or type(obj).__name__}
    return await resource.update(
        document | kind | {"metadata": metadata},
        subresource=subresource,
        namespace=obj.metadata.namespace or None,
    )
