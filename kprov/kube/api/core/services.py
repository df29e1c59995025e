"""Services and Endpoints."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

import msgspec

from kprov.kube.api.core.containers import ObjectReference
from kprov.kube.api.core.types import IntOrString
from kprov.kube.api.meta import Condition, NodeName, Object, View


class ServicePort(View):
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None
    port: int = 0
    target_port: IntOrString = 0
    node_port: int = 0


class ClientIPConfig(View):
    timeout_seconds: int | None = None


class SessionAffinityConfig(View):
    client_ip: ClientIPConfig | None = msgspec.field(default=None, name="clientIP")


class ServiceSpec(View):
    ports: list[ServicePort] = []
    selector: dict[str, str] = {}
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: list[str] = msgspec.field(default_factory=list, name="clusterIPs")
    type: str = ""
    external_ips: list[str] = msgspec.field(default_factory=list, name="externalIPs")
    session_affinity: str = ""
    session_affinity_config: SessionAffinityConfig | None = None
    load_balancer_ip: str = msgspec.field(default="", name="loadBalancerIP")
    load_balancer_source_ranges: list[str] = []
    load_balancer_class: str | None = None
    external_name: str = ""
    external_traffic_policy: str = ""
    internal_traffic_policy: str | None = None
    health_check_node_port: int = 0
    publish_not_ready_addresses: bool = False
    ip_families: list[str] = []
    ip_family_policy: str | None = None
    traffic_distribution: str | None = None
    allocate_load_balancer_node_ports: bool | None = None


class LoadBalancerIngress(View):
    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None


class LoadBalancerStatus(View):
    ingress: list[LoadBalancerIngress] = []


class ServiceStatus(View):
    load_balancer: LoadBalancerStatus = msgspec.field(default_factory=LoadBalancerStatus)
    conditions: list[Condition] = []


class Service(Object):
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)
    status: ServiceStatus = msgspec.field(default_factory=ServiceStatus)


class EndpointAddress(View):
    ip: str = ""
    hostname: str = ""
    node_name: NodeName | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(View):
    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSubset(View):
    addresses: list[EndpointAddress] = []
    not_ready_addresses: list[EndpointAddress] = []
    ports: list[EndpointPort] = []


class Endpoints(Object):
    subsets: list[EndpointSubset] = []
