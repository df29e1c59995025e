"""discovery.k8s.io/v1: endpoint slices."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

import msgspec

from kprov.kube.api.core import ObjectReference
from kprov.kube.api.meta import NodeName, Object, View


class EndpointConditions(View):
    """None means unknown: consumers read it as ready, serving and not terminating."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForZone(View):
    name: str = ""


class EndpointHints(View):
    for_zones: list[ForZone] = []
    for_nodes: list[ForZone] = []


class Endpoint(View):
    addresses: list[str] = []
    conditions: EndpointConditions = msgspec.field(default_factory=EndpointConditions)
    hostname: str | None = None
    target_ref: ObjectReference | None = None
    deprecated_topology: dict[str, str] = {}
    node_name: NodeName | None = None
    zone: str | None = None
    hints: EndpointHints | None = None


class EndpointPort(View):
    """port: None means all ports. name: "" is a valid name."""

    name: str | None = None
    protocol: str | None = None
    port: int | None = None
    app_protocol: str | None = None


class EndpointSlice(Object):
    address_type: str = ""
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None
