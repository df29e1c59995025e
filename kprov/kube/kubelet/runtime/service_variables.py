"""The environment variables that name the services of a pod's namespace (pkg/kubelet/envvars)."""

from collections.abc import Iterable
from typing import Final

from kprov.kube.machinery.json_object import JsonObject

_MASTER_SERVICES: Final = frozenset({"kubernetes"})


def make_service_variables(services: Iterable[JsonObject], namespace: str, *, links: bool) -> dict[str, str]:
    """Variables for the API's service and, with `links`, for the namespace's services with a cluster IP."""
    chosen: dict[str, JsonObject] = {}
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
        result |= _make_variables(service)
    return result


def _make_variables(service: JsonObject) -> dict[str, str]:
    prefix = _to_variable_name(service["metadata"]["name"])
    address, ports = service["spec"]["clusterIP"], service["spec"].get("ports") or []
    if not ports:
        return {}
    host = f"[{address}]" if ":" in address else address
    result = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            result[f"{prefix}_SERVICE_PORT_{_to_variable_name(port['name'])}"] = str(port["port"])
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


def _to_variable_name(text: str) -> str:
    return text.upper().replace("-", "_")
