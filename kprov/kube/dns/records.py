"""The records of services by the Kubernetes DNS specification 1.1. Functions from objects to records.

Names are lower case without the final dot. Records are (type, data) pairs, data is text as in a zone file
("10.0.0.1", "0 50 80 web.shop.svc.cluster.local").
"""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from kprov.kube.api.core import Service
from kprov.kube.api.discovery import Endpoint, EndpointSlice

SCHEMA_VERSION = "1.1.0"


class Record(NamedTuple):
    type: str
    data: str


# Name > records.
Records = dict[str, list[Record]]


def make_service_records(
    service: Service, slices: Iterable[EndpointSlice], domain: str
) -> tuple[Records, Records]:
    """(forward, reverse) records of one service. `domain` is the cluster's, "cluster.local"."""
    meta, spec = service.metadata, service.spec
    base = f"{meta.name}.{meta.namespace}.svc.{domain}"
    if spec.type == "ExternalName":
        if not spec.external_name:
            return {}, {}
        target = spec.external_name.rstrip(".").lower()
        try:
            literal = str(ipaddress.ip_address(target))
        except ValueError:
            return {base: [Record("CNAME", target)]}, {}
        return {base: [Record(_get_address_type(literal), literal)]}, {}
    if spec.cluster_ip in {"", "None"}:
        return _make_headless_records(base, slices, publish_not_ready=spec.publish_not_ready_addresses)
    forward: Records = {}
    reverse: Records = {}
    for address in spec.cluster_ips or [spec.cluster_ip]:
        _add_record(forward, base, Record(_get_address_type(address), address))
        _add_record(reverse, get_reverse_name(address), Record("PTR", base))
    for port in spec.ports:
        if port.name:
            _add_record(
                forward,
                f"_{port.name}._{port.protocol.lower()}.{base}".lower(),
                Record("SRV", f"0 100 {port.port} {base}"),
            )
    return forward, reverse


def _make_headless_records(
    base: str, slices: Iterable[EndpointSlice], *, publish_not_ready: bool
) -> tuple[Records, Records]:
    forward: Records = {}
    reverse: Records = {}
    for piece in slices:
        if piece.address_type not in {"IPv4", "IPv6"}:
            continue
        for endpoint in piece.endpoints or []:
            if endpoint.conditions.ready is False and not publish_not_ready:
                continue
            for address in endpoint.addresses:
                host = f"{get_endpoint_label(endpoint, address)}.{base}"
                record = Record(_get_address_type(address), address)
                _add_record(forward, base, record)
                _add_record(forward, host, record)
                if endpoint.hostname:
                    _add_record(reverse, get_reverse_name(address), Record("PTR", host))
                for port in piece.ports or []:
                    if port.name and port.port is not None:
                        srv = f"_{port.name}._{(port.protocol or 'TCP').lower()}.{base}".lower()
                        _add_record(forward, srv, Record("SRV", f"0 100 {port.port} {host}"))
    return forward, reverse


def get_endpoint_label(endpoint: Endpoint, address: str) -> str:
    """Return the endpoint's hostname, or its address with dashes."""
    return (endpoint.hostname or address.replace(".", "-").replace(":", "-")).lower()


def parse_pod_address(label: str) -> str | None:
    """Return the address in a pod's name (1-2-3-4.NAMESPACE.pod.DOMAIN). None if it has none."""
    for text in (label.replace("-", "."), label.replace("-", ":")):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            continue
    return None


def get_reverse_name(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


def _get_address_type(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def _add_record(records: Records, name: str, record: Record) -> None:
    entries = records.setdefault(name, [])
    if record not in entries:
        entries.append(record)
