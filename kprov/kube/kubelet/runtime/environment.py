"""The environment variables of a container (makeEnvironmentVariables)."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import Container, EnvFromSource, EnvVarSource, KeySelector, Pod
from kprov.kube.kubelet.api_objects.object_cache import ObjectLookup
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.pods import field_path, resources
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.field_path import NodeFields
from kprov.kube.kubelet.runtime.service_variables import make_service_variables
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_ENV_NAME: Final = re.compile(r"[^=\x00]+")


@dataclass(frozen=True, slots=True)
class EnvironmentSources:
    """Where values come from that the pod's spec only refers to."""

    get_object: ObjectLookup
    fields: NodeFields
    allocatable: dict[str, Quantity]


async def make_environment_variables(
    pod: Pod, container: Container, *, services: Iterable[JsonObject], sources: EnvironmentSources
) -> dict[str, str]:
    """Names and values: `env` wins over `envFrom`, that over services. Raises ContainerConfigError."""
    links = pod.spec.enable_service_links
    result: dict[str, str] = {}
    namespace = pod.metadata.namespace
    for source in container.env_from:
        result |= await _read_all_keys(namespace, source, sources.get_object)
    service_variables = make_service_variables(services, namespace, links=links is None or links)
    for variable in container.env:
        if variable.value:
            value: str | None = expand(variable.value, {**service_variables, **result})
        elif variable.value_from is not None:
            value = await _read_value(pod, container, variable.value_from, sources)
        else:
            value = ""
        if value is not None:
            result[variable.name] = value
    return {**{key: text for key, text in service_variables.items() if key not in result}, **result}


async def _read_all_keys(namespace: str, source: EnvFromSource, get_object: ObjectLookup) -> dict[str, str]:
    if (reference := source.config_map_ref) is not None:
        resource, kind = "configmaps", "configmap"
    else:
        reference, resource, kind = source.secret_ref, "secrets", "secret"
    name = reference.name if reference is not None else ""
    obj = await get_object(resource, namespace, name)
    if obj is None:
        if reference is not None and reference.optional:
            return {}
        raise ContainerConfigError(f'{kind} "{name}" not found')
    values = {
        source.prefix + key: _decode(text) if resource == "secrets" else str(text)
        for key, text in (obj.get("data") or {}).items()
    }
    return {key: text for key, text in values.items() if _ENV_NAME.fullmatch(key)}


async def _read_value(
    pod: Pod, container: Container, source: EnvVarSource, sources: EnvironmentSources
) -> str | None:
    namespace = pod.metadata.namespace
    if source.field_ref is not None:
        try:
            return field_path.render_field(pod, source.field_ref.field_path, sources.fields)
        except field_path.UnsupportedFieldError as error:
            raise ContainerConfigError(str(error)) from error
    if (selector := source.resource_field_ref) is not None:
        name = selector.container_name or container.name
        containers = [*pod.spec.init_containers, *pod.spec.containers]
        named = next((item for item in containers if item.name == name), container)
        return resources.render_resource_field(named, selector, sources.allocatable)
    if source.config_map_key_ref is not None:
        key = source.config_map_key_ref
        return await _read_key(namespace, "configmaps", "ConfigMap", key, sources.get_object)
    if source.secret_key_ref is not None:
        return await _read_key(namespace, "secrets", "Secret", source.secret_key_ref, sources.get_object)
    raise ContainerConfigError("environment source not supported")


async def _read_key(
    namespace: str, resource: str, kind: str, selector: KeySelector, get_object: ObjectLookup
) -> str | None:
    """None for an optional key that does not exist."""
    name, key = selector.name, selector.key
    obj = await get_object(resource, namespace, name)
    if obj is None:
        if selector.optional:
            return None
        raise ContainerConfigError(f'{kind.lower()} "{name}" not found')
    data = obj.get("data") or {}
    if key not in data:
        if selector.optional:
            return None
        raise ContainerConfigError(f"couldn't find key {key} in {kind} {namespace}/{name}")
    return _decode(data[key]) if resource == "secrets" else str(data[key])


def _decode(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")
