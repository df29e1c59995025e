"""The environment variables of a container (makeEnvironmentVariables)."""

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from kprov.kube.kubelet.pods import field_path, resources
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.pod_queries import Container, Pod, namespace_of
from kprov.kube.machinery.quantity import Quantity

# (kind "configmaps" or "secrets", namespace, name) > the document, or None when it does not exist.
Lookup = Callable[[str, str, str], Awaitable[dict[str, Any] | None]]

_MASTER_SERVICES: Final = frozenset({"kubernetes"})
_ENV_NAME: Final = re.compile(r"[^=\x00]+")


class ConfigError(Exception):
    """The container cannot be configured (CreateContainerConfigError); the text is for the user."""


async def make(
    pod: Pod,
    container: Container,
    *,
    services: Iterable[dict[str, Any]],
    lookup: Lookup,
    runtime: Mapping[str, Any],
    allocatable: dict[str, Quantity],
) -> dict[str, str]:
    """Names and values; service variables are weakest, ``env`` is strongest."""
    links = pod["spec"].get("enableServiceLinks")
    result: dict[str, str] = {}
    namespace = namespace_of(pod)
    for source in container.get("envFrom") or []:
        result |= await _from_source(namespace, source, lookup)
    service_env = service_variables(services, namespace, links=links is None or bool(links))
    known = dict(service_env)
    for entry in container.get("env") or []:
        name = str(entry["name"])
        if entry.get("value"):
            value: str | None = expand(str(entry["value"]), {**known, **result})
        elif entry.get("valueFrom"):
            value = await _value_from(pod, container, entry["valueFrom"], lookup, runtime, allocatable)
        else:
            value = ""
        if value is not None:
            result[name] = value
    return {**{key: text for key, text in service_env.items() if key not in result}, **result}


async def _from_source(namespace: str, source: dict[str, Any], lookup: Lookup) -> dict[str, str]:
    if ref := source.get("configMapRef"):
        kind, told = "configmaps", "configmap"
    else:
        ref, kind, told = source.get("secretRef") or {}, "secrets", "secret"
    found = await lookup(kind, namespace, ref.get("name", ""))
    if found is None:
        if ref.get("optional"):
            return {}
        raise ConfigError(f'{told} "{ref.get("name", "")}" not found')
    prefix = source.get("prefix") or ""
    values = {
        key: _decoded(text) if kind == "secrets" else str(text)
        for key, text in (found.get("data") or {}).items()
    }
    return {prefix + key: text for key, text in values.items() if _ENV_NAME.fullmatch(prefix + key)}


async def _value_from(
    pod: Pod,
    container: Container,
    source: dict[str, Any],
    lookup: Lookup,
    runtime: Mapping[str, Any],
    allocatable: dict[str, Quantity],
) -> str | None:
    if ref := source.get("fieldRef"):
        try:
            return field_path.value(pod, ref["fieldPath"], runtime)
        except field_path.UnsupportedFieldError as error:
            raise ConfigError(str(error)) from error
    if ref := source.get("resourceFieldRef"):
        wanted = ref.get("containerName") or container["name"]
        units = [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        unit = next((item for item in units if item["name"] == wanted), container)
        return resources.resource_field(unit, ref, allocatable)
    if ref := source.get("configMapKeyRef"):
        return await _key(namespace_of(pod), "configmaps", "ConfigMap", ref, lookup)
    if ref := source.get("secretKeyRef"):
        return await _key(namespace_of(pod), "secrets", "Secret", ref, lookup)
    raise ConfigError("environment source not supported")


async def _key(namespace: str, kind: str, told: str, ref: dict[str, Any], lookup: Lookup) -> str | None:
    name, key = ref.get("name", ""), ref.get("key", "")
    found = await lookup(kind, namespace, name)
    if found is None:
        if ref.get("optional"):
            return None
        raise ConfigError(f'{told.lower()} "{name}" not found')
    data = found.get("data") or {}
    if key not in data:
        if ref.get("optional"):
            return None
        raise ConfigError(f"couldn't find key {key} in {told} {namespace}/{name}")
    return _decoded(data[key]) if kind == "secrets" else str(data[key])


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def service_variables(services: Iterable[dict[str, Any]], namespace: str, *, links: bool) -> dict[str, str]:
    """The variables of Docker links for services with a cluster IP (pkg/kubelet/envvars)."""
    chosen: dict[str, dict[str, Any]] = {}
    for service in services:
        meta = service["metadata"]
        address = service["spec"].get("clusterIP")
        if not address or address == "None":
            continue
        if meta["namespace"] == "default" and meta["name"] in _MASTER_SERVICES:
            chosen.setdefault(meta["name"], service)
        elif links and meta["namespace"] == namespace:
            chosen[meta["name"]] = service
    result: dict[str, str] = {}
    for service in sorted(chosen.values(), key=lambda item: str(item["metadata"]["name"])):
        result |= _of_service(service)
    return result


def _of_service(service: dict[str, Any]) -> dict[str, str]:
    prefix = _name(service["metadata"]["name"])
    address, ports = service["spec"]["clusterIP"], service["spec"].get("ports") or []
    if not ports:
        return {}
    host = f"[{address}]" if ":" in address else address
    result = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            result[f"{prefix}_SERVICE_PORT_{_name(port['name'])}"] = str(port["port"])
    first = ports[0]
    result[f"{prefix}_PORT"] = f"{first.get('protocol', 'TCP').lower()}://{host}:{first['port']}"
    for port in ports:
        protocol = port.get("protocol", "TCP")
        base = f"{prefix}_PORT_{port['port']}_{protocol}"
        result |= {
            base: f"{protocol.lower()}://{host}:{port['port']}",
            f"{base}_PROTO": protocol.lower(),
            f"{base}_PORT": str(port["port"]),
            f"{base}_ADDR": address,
        }
    return result


def _name(text: str) -> str:
    return text.upper().replace("-", "_")
