"""The files of configMap, secret, downwardAPI and projected volumes."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.api.core import Pod, ResourceFieldSelector
from kprov.kube.api.decoding import convert
from kprov.kube.kubelet.api_objects.object_cache import ObjectLookup
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.pods import field_path, resources
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.volumes.atomic_writer import Projection
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

DEFAULT_MODE: Final = 0o644
# (pod, serviceAccountToken of a projected volume) > token
TokenSource = Callable[[Pod, JsonObject], Awaitable[str]]
Files = dict[str, Projection]


@dataclass(frozen=True, slots=True)
class VolumeSources:
    """Where the content of volumes comes from."""

    get_object: ObjectLookup
    get_token: TokenSource
    allocatable: dict[str, Quantity]


async def make_files(pod: Pod, volume: JsonObject, sources: VolumeSources, fields: NodeFields) -> Files:
    """Files by relative path. Raises VolumeError."""
    if "configMap" in volume:
        source = volume["configMap"]
        name = source.get("name", "")
        return await _read_object(pod, "configmaps", source, name, _get_mode(source), sources)
    if "secret" in volume:
        source = volume["secret"]
        name = source.get("secretName", "")
        return await _read_object(pod, "secrets", source, name, _get_mode(source), sources)
    if "downwardAPI" in volume:
        source = volume["downwardAPI"]
        return _render_fields(pod, source.get("items") or [], _get_mode(source), sources, fields)
    projected = volume["projected"]
    files: Files = {}
    for source in projected.get("sources") or []:
        files |= await _project(pod, source, _get_mode(projected), sources, fields)
    return files


async def _project(
    pod: Pod, source: JsonObject, mode: int, sources: VolumeSources, fields: NodeFields
) -> Files:
    """Return the files of one source of a projected volume."""
    if part := source.get("configMap"):
        return await _read_object(pod, "configmaps", part, part.get("name", ""), mode, sources)
    if part := source.get("secret"):
        return await _read_object(pod, "secrets", part, part.get("name", ""), mode, sources)
    if part := source.get("downwardAPI"):
        return _render_fields(pod, part.get("items") or [], mode, sources, fields)
    if part := source.get("serviceAccountToken"):
        return {part["path"]: await _read_token(pod, part, mode, sources)}
    kind = next(iter(source), "none")
    raise VolumeError(f"projected volume source {kind} is not supported by this kubelet")


def _get_mode(source: JsonObject) -> int:
    mode = source.get("defaultMode")
    return DEFAULT_MODE if mode is None else int(mode)


def _get_item_mode(item: JsonObject, default: int) -> int:
    mode = item.get("mode")
    return default if mode is None else int(mode)


async def _read_token(pod: Pod, part: JsonObject, mode: int, sources: VolumeSources) -> Projection:
    context = pod.spec.security_context or {}
    users = {
        (container.security_context or {}).get("runAsUser", context.get("runAsUser"))
        for container in [*pod.spec.containers, *pod.spec.init_containers]
    }
    data = (await sources.get_token(pod, part)).encode()
    # If all containers run as one user, only that user and the pod's fsGroup may read the token.
    owner = next(iter(users)) if len(users) == 1 else None
    is_private = owner is not None or context.get("fsGroup") is not None
    return Projection(data, 0o600 if is_private else mode, owner)


async def _read_object(
    pod: Pod, resource: str, source: JsonObject, name: str, mode: int, sources: VolumeSources
) -> Files:
    """Return the keys of a config map or secret that `source` selects."""
    obj = await sources.get_object(resource, pod.metadata.namespace, name)
    kind = "configmap" if resource == "configmaps" else "secret"
    if obj is None:
        if source.get("optional"):
            return {}
        raise VolumeError(f'{kind} "{name}" not found')
    data = _read_data(obj, resource)
    if not source.get("items"):
        return {key: Projection(value, mode) for key, value in data.items()}
    files = {}
    for item in source["items"]:
        if item["key"] in data:
            files[item["path"]] = Projection(data[item["key"]], _get_item_mode(item, mode))
        elif not source.get("optional"):
            raise VolumeError(f"{kind} references non-existent {kind.replace('map', '')} key: {item['key']}")
    return files


def _read_data(obj: JsonObject, resource: str) -> dict[str, bytes]:
    values: dict[str, Any] = obj.get("data") or {}
    if resource == "secrets":
        return {key: base64.b64decode(text) for key, text in values.items()}
    data = {key: str(text).encode() for key, text in values.items()}
    return data | {key: base64.b64decode(text) for key, text in (obj.get("binaryData") or {}).items()}


def _render_fields(
    pod: Pod, items: list[JsonObject], mode: int, sources: VolumeSources, fields: NodeFields
) -> Files:
    files = {}
    for item in items:
        if reference := item.get("fieldRef"):
            text = field_path.render_field(pod, reference["fieldPath"], fields)
        else:
            text = _render_resource(pod, item["resourceFieldRef"], sources)
        files[item["path"]] = Projection(text.encode(), _get_item_mode(item, mode))
    return files


def _render_resource(pod: Pod, reference: JsonObject, sources: VolumeSources) -> str:
    selector = convert(reference, ResourceFieldSelector)
    containers = [*pod.spec.containers, *pod.spec.init_containers]
    container = next((item for item in containers if item.name == selector.container_name), None)
    if container is None:
        raise VolumeError(f'failed to find container "{selector.container_name}" in the pod')
    return resources.render_resource_field(container, selector, sources.allocatable)
