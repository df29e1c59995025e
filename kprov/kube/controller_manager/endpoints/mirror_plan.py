"""Plans the writes of the slices that mirror an Endpoints object. Functions of values."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kprov.kube.api.core import EndpointAddress, Endpoints, EndpointSubset
from kprov.kube.api.discovery import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from kprov.kube.controller_manager.endpoints.slice_plan import (
    MANAGED_BY,
    SERVICE_NAME,
    Plan,
    Ports,
    ports_key,
)
from kprov.kube.machinery import names

CONTROLLER: Final = "endpointslicemirroring-controller.k8s.io"
SKIP: Final = "endpointslice.kubernetes.io/skip-mirror"
LEADER: Final = "control-plane.alpha.kubernetes.io/leader"
_NOT_MIRRORED: Final = frozenset(
    {"endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"}
)

_Port = tuple[str, str, int | None, str | None]
#: An address's IP and the UID of its target.
_Identity = tuple[str, str]
#: Address family and ports, which a slice has once.
Group = tuple[str, Ports]


@dataclass
class Wanted:
    """Endpoints by group, and the numbers of invalid and of excess addresses."""

    groups: dict[Group, list[Endpoint]] = field(default_factory=dict)
    invalid: int = 0
    skipped: int = 0


def is_mirrored(endpoints: Endpoints) -> bool:
    """Whether it is mirrored: not if a label forbids it, and not for a lock of leader election."""
    return endpoints.metadata.labels.get(SKIP) != "true" and LEADER not in endpoints.metadata.annotations


def make_wanted(endpoints: Endpoints, limit: int) -> Wanted:
    """At most `limit` addresses of a subset, the ready ones first."""
    result = Wanted()
    for ports, addresses in _repack(endpoints.subsets):
        added = 0
        for address, ready in addresses:
            if added >= limit:
                result.skipped += 1
                continue
            entry = _make_endpoint(address, ready=ready)
            if entry is None:
                result.invalid += 1
            else:
                family, endpoint = entry
                result.groups.setdefault((family, ports), []).append(endpoint)
                added += 1
    return result


def make_plan(
    endpoints: Endpoints, groups: dict[Group, list[Endpoint]], existing: Sequence[EndpointSlice], limit: int
) -> Plan:
    """One slice for each group. Unneeded slices are reused for new groups of their family."""
    result = Plan()
    left: dict[Group, list[EndpointSlice]] = {}
    for endpoint_slice in existing:
        left.setdefault((endpoint_slice.address_type, ports_key(endpoint_slice.ports or [])), []).append(
            endpoint_slice
        )
    for group, content in groups.items():
        there = left.pop(group, [])
        result.delete += there[1:]
        if not there:
            result.create.append(_make_slices(endpoints, group, content[:limit], ""))
        elif not _is_mirror(there[0], endpoints, content):
            result.update.append(_make_slices(endpoints, group, content[:limit], there[0].metadata.name))
    result.delete += [endpoint_slice for group in left.values() for endpoint_slice in group]
    _recycle(result)
    return result


def _recycle(result: Plan) -> None:
    for new in list(result.create):
        old = next(
            (
                endpoint_slice
                for endpoint_slice in result.delete
                if endpoint_slice.address_type == new.address_type
            ),
            None,
        )
        if old is not None:
            result.create.remove(new)
            result.delete.remove(old)
            new.metadata.generate_name, new.metadata.name = "", old.metadata.name
            result.update.append(new)


def _is_mirror(endpoint_slice: EndpointSlice, endpoints: Endpoints, content: Sequence[Endpoint]) -> bool:
    meta = endpoint_slice.metadata
    labels = {key: value for key, value in meta.labels.items() if key not in {MANAGED_BY, SERVICE_NAME}}
    owners = [owner for owner in meta.owner_references if owner.kind == "Endpoints"]
    return (
        _sort(endpoint_slice.endpoints or []) == _sort(content)
        and labels == endpoints.metadata.labels
        and meta.annotations == _make_annotations(endpoints)
        and all(
            owner.uid == endpoints.metadata.uid for owner in owners if owner.name == endpoints.metadata.name
        )
    )


def _sort(content: Iterable[Endpoint]) -> list[bytes]:
    return sorted(msgspec.json.encode(endpoint) for endpoint in content)


def _make_annotations(endpoints: Endpoints) -> dict[str, str]:
    return {key: text for key, text in endpoints.metadata.annotations.items() if key not in _NOT_MIRRORED}


def _make_slices(endpoints: Endpoints, group: Group, content: list[Endpoint], name: str) -> EndpointSlice:
    family, ports = group
    new = EndpointSlice(
        address_type=family,
        endpoints=content,
        ports=[
            EndpointPort(name=n, protocol=p, port=number, app_protocol=app) for n, p, number, app in ports
        ],
    )
    meta, of = new.metadata, endpoints.metadata
    meta.namespace, meta.name = of.namespace, name
    if not name:
        prefix = f"{of.name}-"
        meta.generate_name = of.name if names.is_dns1123_subdomain(f"{prefix}x") else prefix
    meta.labels = {**of.labels, SERVICE_NAME: of.name, MANAGED_BY: CONTROLLER}
    meta.annotations = _make_annotations(endpoints)
    return new


def _repack(subsets: Iterable[EndpointSubset]) -> list[tuple[Ports, list[tuple[EndpointAddress, bool]]]]:
    """Each set of addresses once, with all its ports. An address must be ready in all subsets."""
    known: dict[_Identity, EndpointAddress] = {}
    by_port: dict[_Port | None, dict[_Identity, bool]] = {}
    for subset in subsets:
        addresses = [(endpoint_address, True) for endpoint_address in subset.addresses]
        addresses += [(endpoint_address, False) for endpoint_address in subset.not_ready_addresses]
        # Addresses without ports count as well.
        ports: list[_Port | None] = [
            (port.name, port.protocol, port.port, port.app_protocol) for port in subset.ports
        ]
        for port in ports or [None]:
            states = by_port.setdefault(port, {})
            for address, ready in addresses:
                identity = (address.ip, address.target_ref.uid if address.target_ref else "")
                known.setdefault(identity, address)
                states[identity] = states.get(identity, True) and ready
    by_addresses: dict[tuple[tuple[_Identity, bool], ...], list[_Port]] = {}
    for port, states in by_port.items():
        shared_ports = by_addresses.setdefault(tuple(sorted(states.items())), [])
        if port is not None:
            shared_ports.append(port)
    return [
        (
            tuple(sorted(ports_of, key=str)),
            [(known[identity], ready) for identity, ready in sorted(states_of, key=lambda item: not item[1])],
        )
        for states_of, ports_of in by_addresses.items()
    ]


def _make_endpoint(address: EndpointAddress, *, ready: bool) -> tuple[str, Endpoint] | None:
    """(family, endpoint). None if the address is not an IP address."""
    try:
        ip = ipaddress.ip_address(_drop_zero_values(address.ip))
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    endpoint = Endpoint(
        addresses=[str(ip)],
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        target_ref=address.target_ref,
        node_name=address.node_name,
    )
    return f"IPv{ip.version}", endpoint


def _drop_zero_values(text: str) -> str:
    """Return the address without leading zeros: stored IPv4 addresses may have them (010.001.002.003)."""
    if ":" in text:
        return text
    return ".".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in text.split("."))
