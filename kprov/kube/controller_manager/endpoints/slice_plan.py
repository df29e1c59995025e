"""Plans the writes of a service's endpoint slices from its pods. Functions of values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kprov.kube.api.core import Pod, Service
from kprov.kube.api.discovery import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForZone,
)
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.endpoints import addresses

MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME: Final = "kubernetes.io/service-name"
CONTROLLER: Final = "endpointslice-controller.k8s.io"
MAX_ENDPOINTS: Final = 100

Ports = tuple[tuple[str, str, int | None, str | None], ...]


@dataclass
class Plan:
    create: list[EndpointSlice] = field(default_factory=list)
    update: list[EndpointSlice] = field(default_factory=list)
    delete: list[EndpointSlice] = field(default_factory=list)
    #: Most endpoints of a slice.
    limit: int = MAX_ENDPOINTS
    #: How many endpoints come and go.
    added: int = 0
    removed: int = 0
    #: The number of slices afterwards, and of endpoints for each set of ports.
    slices: int = 0
    sizes: list[int] = field(default_factory=list)


def list_families(service: Service) -> list[str]:
    """Address families of the service's slices, from its addresses if it has no ipFamilies."""
    if service.spec.ip_families:
        return list(service.spec.ip_families)
    return ["IPv6"] if ":" in service.spec.cluster_ip else ["IPv4"]


def make_desired(
    service: Service, pods: Iterable[Pod], family: str, zone_of: Callable[[str], str]
) -> dict[Ports, list[Endpoint]]:
    """Endpoints by their ports: pods whose port names map to other numbers do not share a slice."""
    result: dict[Ports, list[Endpoint]] = {}
    for pod in pods:
        address = addresses.get_address(pod, family)
        if address and addresses.is_member(pod, terminating=True):
            endpoint = _make_endpoint(service, pod, address, zone_of(pod.spec.node_name))
            result.setdefault(_make_ports(service, pod), []).append(endpoint)
    return result


def make_labels(service: Service) -> dict[str, str]:
    """Return the service's labels and those that mark a slice of this controller."""
    kept = {key: value for key, value in service.metadata.labels.items() if key != addresses.HEADLESS_LABEL}
    if addresses.is_headless(service):
        kept[addresses.HEADLESS_LABEL] = ""
    return {**kept, SERVICE_NAME: service.metadata.name, MANAGED_BY: CONTROLLER}


def make_plan(
    service: Service,
    family: str,
    wanted: dict[Ports, list[Endpoint]],
    existing: Sequence[EndpointSlice],
    limit: int = MAX_ENDPOINTS,
) -> Plan:
    """Plan few writes: keep endpoints where they are, fill slices that have space, then create new ones.

    limit: most endpoints of a slice.
    """
    result = Plan(limit=limit)
    marks = make_labels(service)
    by_ports: dict[Ports, list[EndpointSlice]] = {}
    for endpoint_slice in existing:
        by_ports.setdefault(ports_key(endpoint_slice.ports or []), []).append(endpoint_slice)
    for ports, endpoints in wanted.items():
        _fill(result, service, family, ports, endpoints, by_ports.pop(ports, []), marks)
    leftover = [endpoint_slice for group in by_ports.values() for endpoint_slice in group]
    if not wanted:
        # A service without endpoints has one empty slice, as upstream.
        placeholder = next((endpoint_slice for endpoint_slice in leftover if not endpoint_slice.ports), None)
        if placeholder is None:
            result.create.append(_make_slices(service, family, (), [], marks))
        else:
            leftover.remove(placeholder)
            if placeholder.endpoints or placeholder.metadata.labels != marks:
                result.update.append(_replace_endpoints(placeholder, [], marks))
    result.delete.extend(leftover)
    result.removed += sum(len(endpoint_slice.endpoints or ()) for endpoint_slice in leftover)
    result.sizes = [len(endpoints) for endpoints in wanted.values()]
    result.slices = len(existing) + len(result.create) - len(result.delete)
    return result


def _fill(
    result: Plan,
    service: Service,
    family: str,
    ports: Ports,
    endpoints: Sequence[Endpoint],
    existing: Sequence[EndpointSlice],
    marks: dict[str, str],
) -> None:
    missing = {_get_identity(endpoint): endpoint for endpoint in endpoints}
    contents: list[tuple[EndpointSlice, list[Endpoint]]] = []
    for endpoint_slice in existing:
        matches = [missing.pop(_get_identity(old), None) for old in endpoint_slice.endpoints or []]
        contents.append((endpoint_slice, [endpoint for endpoint in matches if endpoint is not None]))
    rest = list(missing.values())
    result.added += len(rest)
    result.removed += sum(
        len(endpoint_slice.endpoints or ()) - len(content) for endpoint_slice, content in contents
    )
    # Slices that must be written anyway come first, then the fullest ones: few writes, few slices.
    contents.sort(key=lambda item: (not _has_changed(item[0], item[1], marks), -len(item[1])))
    for endpoint_slice, content in contents:
        room = max(0, result.limit - len(content))
        content.extend(rest[:room])
        del rest[:room]
        if not content:
            result.delete.append(endpoint_slice)
        elif _has_changed(endpoint_slice, content, marks):
            result.update.append(_replace_endpoints(endpoint_slice, content, marks))
    while rest:
        result.create.append(_make_slices(service, family, ports, rest[: result.limit], marks))
        del rest[: result.limit]


def _has_changed(endpoint_slice: EndpointSlice, endpoints: Sequence[Endpoint], marks: dict[str, str]) -> bool:
    return list(endpoints) != (endpoint_slice.endpoints or []) or endpoint_slice.metadata.labels != marks


def _replace_endpoints(
    endpoint_slice: EndpointSlice, endpoints: list[Endpoint], marks: dict[str, str]
) -> EndpointSlice:
    metadata = msgspec.structs.replace(endpoint_slice.metadata, labels=marks)
    return msgspec.structs.replace(endpoint_slice, endpoints=endpoints, metadata=metadata)


def _make_slices(
    service: Service, family: str, ports: Ports, endpoints: list[Endpoint], marks: dict[str, str]
) -> EndpointSlice:
    new = EndpointSlice(
        address_type=family,
        endpoints=endpoints,
        ports=[
            EndpointPort(name=n, protocol=p, port=number, app_protocol=app) for n, p, number, app in ports
        ],
    )
    new.metadata.generate_name = f"{service.metadata.name}-"
    new.metadata.namespace = service.metadata.namespace
    new.metadata.labels = marks
    return new


def _make_endpoint(service: Service, pod: Pod, address: str, zone: str) -> Endpoint:
    terminating = bool(pod.metadata.deletion_timestamp)
    serving = pod_conditions.is_ready(pod)
    ready = service.spec.publish_not_ready_addresses or (serving and not terminating)
    hints = _make_hints(service.spec.traffic_distribution or "", zone, pod.spec.node_name) if ready else None
    return Endpoint(
        addresses=[address],
        conditions=EndpointConditions(
            ready=ready, serving=service.spec.publish_not_ready_addresses or serving, terminating=terminating
        ),
        hostname=addresses.get_hostname(pod, service) or None,
        target_ref=addresses.make_reference(pod),
        node_name=pod.spec.node_name or None,
        zone=zone or None,
        hints=hints,
    )


def _make_hints(distribution: str, zone: str, node: str) -> EndpointHints | None:
    if not zone and distribution != "PreferSameNode":
        return None
    zones = [ForZone(name=zone)] if zone else []
    match distribution:
        case "PreferClose" | "PreferSameZone":
            return EndpointHints(for_zones=zones)
        case "PreferSameNode":
            return EndpointHints(for_zones=zones, for_nodes=[ForZone(name=node)])
        case _:
            return None


def _make_ports(service: Service, pod: Pod) -> Ports:
    ports = []
    for port in service.spec.ports:
        number = addresses.find_target_port(pod, port)
        if number is not None:
            ports.append((port.name, port.protocol, number, port.app_protocol))
    return tuple(sorted(ports, key=str))


def ports_key(ports: Iterable[EndpointPort]) -> Ports:
    return tuple(
        sorted(
            ((port.name or "", port.protocol or "TCP", port.port, port.app_protocol) for port in ports),
            key=str,
        )
    )


def _get_identity(endpoint: Endpoint) -> tuple[str, ...]:
    target = endpoint.target_ref
    return (target.uid if target else "", *endpoint.addresses)
