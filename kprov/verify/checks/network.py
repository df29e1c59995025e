"""Checks a node's pod network: forwarding, kube-proxy's table, routes to all other nodes' pods."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from testinfra.host import Host

from kprov.verify.model import Cluster, Finding, HostCheck, VerifyHost

#: Pod CIDR and address of every node: node name > (CIDR, InternalIP).
PodNetworks = dict[str, tuple[str, str]]


def make_check(networks: Callable[[], PodNetworks]) -> HostCheck:
    """Return the check; `facts` returns the nodes' networks from the API server."""

    def run(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
        forwarding = host.run("cat /proc/sys/net/ipv4/ip_forward").stdout.strip()
        yield Finding("forwarding", ok=forwarding == "1", detail=f"net.ipv4.ip_forward is {forwarding}")
        tables = host.run("nft list tables").stdout
        ok = "kube-proxy" in tables
        detail = "table kube-proxy" if ok else "nftables has no kube-proxy table"
        yield Finding("service rules", ok=ok, detail=detail, starting=not ok)
        pod_networks = networks()
        if not pod_networks:
            detail = "the API server did not say which pod CIDR each node has"
            yield Finding("routes", ok=False, detail=detail, starting=True)
            return
        routes = json.loads(host.run("ip -json -4 route show").stdout or "[]")
        via = {route["dst"]: route.get("gateway", "") for route in routes}
        for other in cluster.in_group("kube_node"):
            if other.name != me.name:
                yield judge_route(other, pod_networks, via)

    return run


def judge_route(other: VerifyHost, pod_networks: PodNetworks, via: dict[str, str]) -> Finding:
    """Judge the route to another node; `via` is the host's gateway by destination."""
    name = f"route to {other.node}"
    if other.node not in pod_networks:
        return Finding(name, ok=False, detail="this node is not registered", starting=True)
    cidr, address = pod_networks[other.node]
    if not cidr:
        return Finding(name, ok=False, detail="this node has no pod CIDR", starting=True)
    if cidr not in via:
        return Finding(name, ok=False, detail=f"no route to {cidr}, expected via {address}", starting=True)
    if via[cidr] != address:
        return Finding(name, ok=False, detail=f"{cidr} goes via {via[cidr] or 'a link'}, expected {address}")
    return Finding(name, ok=True, detail=f"{cidr} via {address}")
