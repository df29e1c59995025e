"""Computes Endpoints from a service and its pods. Functions of values (RepackSubsets)."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Endpoints, Pod, Service
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.endpoints import addresses

MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
CONTROLLER: Final = "endpoint-controller"
OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"
# More addresses are truncated. Slices have them all.
MAX_ADDRESSES: Final = 1000

Ports = tuple[tuple[str, int, str, str | None], ...]


def make_labels(service: Service) -> dict[str, str]:
    kept = {key: value for key, value in service.metadata.labels.items() if key != addresses.HEADLESS_LABEL}
    if addresses.is_headless(service):
        kept[addresses.HEADLESS_LABEL] = ""
    return {**kept, MANAGED_BY: CONTROLLER}


def make_desired(service: Service, pods: Iterable[Pod]) -> tuple[list[dict[str, Any]], bool]:
    """(the subsets, whether they were truncated)."""
    family = service.spec.ip_families[0] if service.spec.ip_families else "IPv4"
    by_ports: dict[Ports, tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]] = {}
    publish = service.spec.publish_not_ready_addresses
    count = 0
    readiness = [(pod_conditions.is_ready(pod), pod) for pod in pods]
    for is_ready, pod in sorted(readiness, key=lambda each: not each[0]):
        ip = addresses.get_address(pod, family)
        if not ip or not addresses.is_member(pod, terminating=publish):
            continue
        count += 1
        if count > MAX_ADDRESSES:
            continue
        ready, not_ready = by_ports.setdefault(_ports(service, pod), ({}, {}))
        (ready if publish or is_ready else not_ready)[ip] = _make_address(service, pod, ip)
    subsets = [_make_subset(ports, *groups) for ports, groups in sorted(by_ports.items(), key=str)]
    return subsets, count > MAX_ADDRESSES


def read_known(endpoints: Endpoints) -> list[dict[str, Any]]:
    """The subsets of the server's object, in the same form."""
    result = []
    for subset in endpoints.subsets:
        document: dict[str, Any] = msgspec.to_builtins(subset)
        if subset.ports:
            document["ports"] = [
                {"name": port.name, "port": port.port, "protocol": port.protocol}
                | ({"appProtocol": port.app_protocol} if port.app_protocol else {})
                for port in subset.ports
            ]
        result.append(document)
    return result


def _make_address(service: Service, pod: Pod, ip: str) -> dict[str, Any]:
    meta = pod.metadata
    target = {"kind": "Pod", "namespace": meta.namespace, "name": meta.name, "uid": meta.uid}
    result: dict[str, Any] = {"ip": ip, "targetRef": target}
    if pod.spec.node_name:
        result["nodeName"] = pod.spec.node_name
    if name := addresses.get_hostname(pod, service):
        result["hostname"] = name
    return result


def _make_subset(
    ports: Ports, ready: dict[str, dict[str, Any]], not_ready: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    subset: dict[str, Any] = {}
    if ready:
        subset["addresses"] = [ready[ip] for ip in sorted(ready)]
    if not_ready:
        subset["notReadyAddresses"] = [not_ready[ip] for ip in sorted(not_ready)]
    if ports:
        subset["ports"] = [
            {"name": name, "port": port, "protocol": protocol} | ({"appProtocol": app} if app else {})
            for name, port, protocol, app in ports
        ]
    return subset


def _ports(service: Service, pod: Pod) -> Ports:
    found = []
    for port in service.spec.ports:
        number = addresses.find_target_port(pod, port)
        if number is not None:
            found.append((port.name, number, port.protocol, port.app_protocol))
    return tuple(sorted(found, key=str))
