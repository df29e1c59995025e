"""The content of configMap, secret, downwardAPI and projected volumes, as files to write."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from kprov.kube.kubelet.pods import field_path, resources
from kprov.kube.kubelet.pods.pod_queries import Pod, namespace_of
from kprov.kube.kubelet.runtime.environment import Lookup
from kprov.kube.kubelet.volumes.atomic_writer import Projection
from kprov.kube.machinery.quantity import Quantity

DEFAULT_MODE: Final = 0o644
#: Gets a token for a pod and one of its projections.
TokenSource = Callable[[Pod, dict[str, Any]], Awaitable[str]]


class VolumeError(Exception):
    """The volume cannot be set up now; the text goes into a FailedMount event."""


async def content(
    pod: Pod,
    volume: dict[str, Any],
    *,
    lookup: Lookup,
    token: TokenSource,
    runtime: Mapping[str, Any],
    allocatable: dict[str, Quantity],
) -> dict[str, Projection]:
    """Files by relative path. Raises VolumeError."""
    if "configMap" in volume:
        source = volume["configMap"]
        return await _keys(pod, "configmaps", source, source.get("name", ""), _mode(source), lookup)
    if "secret" in volume:
        source = volume["secret"]
        return await _keys(pod, "secrets", source, source.get("secretName", ""), _mode(source), lookup)
    if "downwardAPI" in volume:
        source = volume["downwardAPI"]
        return _downward(pod, source.get("items") or [], _mode(source), runtime, allocatable)
    files: dict[str, Projection] = {}
    projected = volume["projected"]
    mode = _mode(projected)
    for source in projected.get("sources") or []:
        if part := source.get("configMap"):
            files |= await _keys(pod, "configmaps", part, part.get("name", ""), mode, lookup)
        elif part := source.get("secret"):
            files |= await _keys(pod, "secrets", part, part.get("name", ""), mode, lookup)
        elif part := source.get("downwardAPI"):
            files |= _downward(pod, part.get("items") or [], mode, runtime, allocatable)
        elif part := source.get("serviceAccountToken"):
            files[part["path"]] = await _token(pod, part, mode, token)
        else:
            kind = next(iter(source), "none")
            raise VolumeError(f"projected volume source {kind} is not supported by this kubelet")
    return files


def _mode(source: dict[str, Any]) -> int:
    mode = source.get("defaultMode")
    return DEFAULT_MODE if mode is None else int(mode)


async def _token(pod: Pod, part: dict[str, Any], mode: int, token: TokenSource) -> Projection:
    context = pod["spec"].get("securityContext") or {}
    users = {
        (container.get("securityContext") or {}).get("runAsUser", context.get("runAsUser"))
        for container in [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    }
    data = (await token(pod, part)).encode()
    if context.get("fsGroup") is not None:
        return Projection(data, 0o600)
    # With one user for all containers the token is that user's alone.
    owner = next(iter(users)) if len(users) == 1 else None
    return Projection(data, 0o600 if owner is not None else mode, owner)


async def _keys(
    pod: Pod, kind: str, source: dict[str, Any], name: str, mode: int, lookup: Lookup
) -> dict[str, Projection]:
    found = await lookup(kind, namespace_of(pod), name)
    told = "configmap" if kind == "configmaps" else "secret"
    if found is None:
        if source.get("optional"):
            return {}
        raise VolumeError(f'{told} "{name}" not found')
    if kind == "secrets":
        data = {key: base64.b64decode(text) for key, text in (found.get("data") or {}).items()}
    else:
        data = {key: str(text).encode() for key, text in (found.get("data") or {}).items()}
        data |= {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}
    if not source.get("items"):
        return {key: Projection(value, mode) for key, value in data.items()}
    files = {}
    for item in source["items"]:
        if item["key"] not in data:
            if source.get("optional"):
                continue
            raise VolumeError(f"{told} references non-existent {told.replace('map', '')} key: {item['key']}")
        own = item.get("mode")
        files[item["path"]] = Projection(data[item["key"]], mode if own is None else int(own))
    return files


def _downward(
    pod: Pod,
    items: list[dict[str, Any]],
    mode: int,
    runtime: Mapping[str, Any],
    allocatable: dict[str, Quantity],
) -> dict[str, Projection]:
    files = {}
    for item in items:
        if ref := item.get("fieldRef"):
            text = field_path.value(pod, ref["fieldPath"], runtime)
        else:
            ref = item["resourceFieldRef"]
            units = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
            unit = next((unit for unit in units if unit["name"] == ref.get("containerName")), None)
            if unit is None:
                raise VolumeError(f'failed to find container "{ref.get("containerName")}" in the pod')
            text = resources.resource_field(unit, ref, allocatable)
        own = item.get("mode")
        files[item["path"]] = Projection(text.encode(), mode if own is None else int(own))
    return files
