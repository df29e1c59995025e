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

# Name, number, protocol, application protocol.
Port = tuple[str, int, str, str | None]
# By IP and UID of the pod: whether it is ready, and its address.
Members = dict[tuple[str, str], tuple[bool, dict[str, Any]]]


def make_labels(service: Service) -> dict[str, str]:
    kept = {key: value for key, value in service.metadata.labels.items() if key != addresses.HEADLESS_LABEL}
    if addresses.is_headless(service):
        kept[addresses.HEADLESS_LABEL] = ""
    return {**kept, MANAGED_BY: CONTROLLER}


def make_desired(service: Service, pods: Iterable[Pod]) -> tuple[list[dict[str, Any]], bool]:
    """Return the subsets, and whether they were truncated."""
    family = service.spec.ip_families[0] if service.spec.ip_families else "IPv4"
    by_port: dict[Port | None, Members] = {}
    publish = service.spec.publish_not_ready_addresses
    count = 0
    readiness = [(pod_conditions.is_ready(pod), pod) for pod in pods]
    for is_ready, pod in sorted(readiness, key=lambda entry: not entry[0]):
        ip = addresses.get_address(pod, family)
        if not ip or not addresses.is_member(pod, terminating=publish):
            continue
        count += 1
        if count > MAX_ADDRESSES:
            continue
        address = _make_address(service, pod, ip)
        for port in _find_ports(service, pod):
            by_port.setdefault(port, {})[ip, pod.metadata.uid] = (publish or is_ready, address)
    return _join_ports(by_port), count > MAX_ADDRESSES


def read_known(endpoints: Endpoints) -> list[dict[str, Any]]:
    """Return the subsets of the server's object, in the same form."""
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


def _find_ports(service: Service, pod: Pod) -> list[Port | None]:
    """Return the service's ports that the pod has. None for a headless service without ports."""
    if not service.spec.ports:
        return [None]
    numbers = ((port, addresses.find_target_port(pod, port)) for port in service.spec.ports)
    return [
        (port.name, number, port.protocol, port.app_protocol)
        for port, number in numbers
        if number is not None
    ]


def _join_ports(by_port: dict[Port | None, Members]) -> list[dict[str, Any]]:
    """One subset for all ports of the same addresses."""
    joined: dict[frozenset[tuple[str, str, bool]], tuple[list[Port], Members]] = {}
    for port, members in by_port.items():
        key = frozenset((*where, is_ready) for where, (is_ready, _) in members.items())
        ports, _ = joined.setdefault(key, ([], members))
        if port is not None:
            ports.append(port)
    groups = [(sorted(ports, key=str), members) for ports, members in joined.values()]
    return [
        _make_subset(ports, members) for ports, members in sorted(groups, key=lambda group: str(group[0]))
    ]


def _make_subset(ports: list[Port], members: Members) -> dict[str, Any]:
    subset: dict[str, Any] = {}
    for name, wanted in (("addresses", True), ("notReadyAddresses", False)):
        if entries := [members[where][1] for where in sorted(members) if members[where][0] is wanted]:
            subset[name] = entries
    if ports:
        subset["ports"] = [
            {"name": name, "port": port, "protocol": protocol} | ({"appProtocol": app} if app else {})
            for name, port, protocol, app in ports
        ]
    return subset
