"""The endpoints to which a service's traffic goes from this node (upstream's CategorizeEndpoints)."""

from collections.abc import Iterable
from typing import NamedTuple

from kprov.kube.proxy.types import Endpoint, ServicePort


class CategorizedEndpoints(NamedTuple):
    """Endpoints for the policies Cluster and Local. `any_exist`: whether any node has a usable one."""

    cluster: tuple[Endpoint, ...]
    local: tuple[Endpoint, ...]
    any_exist: bool

    @property
    def reachable(self) -> tuple[Endpoint, ...]:
        return tuple(sorted({*self.cluster, *self.local}))


def categorize_endpoints(
    endpoints: Iterable[Endpoint], service: ServicePort, node_name: str, zone: str
) -> CategorizedEndpoints:
    """Ready endpoints. If there is none, those that terminate but still serve."""
    every = list(endpoints)
    cluster: list[Endpoint] = []
    local: list[Endpoint] = []
    if service.uses_cluster_endpoints:
        cluster = _select_usable(every)
        cluster = _filter_by_hints(cluster, node_name, zone)
    if service.uses_local_endpoints:
        local = _select_usable(endpoint for endpoint in every if endpoint.is_local)
    any_exist = any(endpoint.ready or (endpoint.serving and endpoint.terminating) for endpoint in every)
    return CategorizedEndpoints(tuple(cluster), tuple(local), any_exist)


def _select_usable(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    every = list(endpoints)
    ready = [endpoint for endpoint in every if endpoint.ready]
    return ready or [endpoint for endpoint in every if endpoint.serving and endpoint.terminating]


def _filter_by_hints(endpoints: list[Endpoint], node_name: str, zone: str) -> list[Endpoint]:
    """Hints apply only if every ready endpoint has some and one of them is for this node or zone."""
    ready = [endpoint for endpoint in endpoints if endpoint.ready]
    if not ready or len(ready) != len(endpoints):
        return endpoints
    if all(endpoint.node_hints for endpoint in ready):
        chosen = [endpoint for endpoint in ready if node_name in endpoint.node_hints]
        if chosen:
            return chosen
    if zone and all(endpoint.zone_hints for endpoint in ready):
        chosen = [endpoint for endpoint in ready if zone in endpoint.zone_hints]
        if chosen:
            return chosen
    return endpoints
