"""Service ports and their endpoints in one address family."""

from typing import NamedTuple


class ServicePortName(NamedTuple):
    namespace: str
    service: str
    port: str
    protocol: str

    def __str__(self) -> str:
        suffix = f":{self.port}" if self.port else ""
        return f"{self.namespace}/{self.service}{suffix}"


class ServicePort(NamedTuple):
    """A port of a service in one address family. Addresses are text; protocol is "tcp", "udp" or "sctp"."""

    name: ServicePortName
    cluster_ip: str
    port: int
    protocol: str
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    affinity_seconds: int = 0
    internal_local: bool = False
    external_local: bool = False
    health_check_node_port: int = 0

    @property
    def is_externally_accessible(self) -> bool:
        return bool(self.node_port or self.external_ips or self.load_balancer_ips)

    @property
    def uses_cluster_endpoints(self) -> bool:
        """True also with the external policy Local: traffic of this node and its pods uses all endpoints."""
        return not self.internal_local or self.is_externally_accessible

    @property
    def uses_local_endpoints(self) -> bool:
        return self.internal_local or (self.external_local and self.is_externally_accessible)


class Endpoint(NamedTuple):
    ip: str
    port: int
    is_local: bool = False
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    zone_hints: tuple[str, ...] = ()
    node_hints: tuple[str, ...] = ()
