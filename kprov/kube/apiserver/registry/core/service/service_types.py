"""What services of each type have: cluster IPs, node ports, a health check port, traffic from outside."""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonObject


def needs_cluster_ip(spec: JsonObject) -> bool:
    """Whether the service gets cluster IPs. Unknown types do: allocation precedes validation."""
    return spec.get("type") != "ExternalName"


def needs_node_port(spec: JsonObject) -> bool:
    if spec.get("type") == "LoadBalancer":
        return spec.get("allocateLoadBalancerNodePorts") is not False
    return spec.get("type") == "NodePort"


def may_have_node_port(spec: JsonObject) -> bool:
    return spec.get("type") in {"NodePort", "LoadBalancer"}


def needs_health_check_port(spec: JsonObject) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def is_externally_accessible(spec: JsonObject) -> bool:
    return may_have_node_port(spec) or (spec.get("type") == "ClusterIP" and bool(spec.get("externalIPs")))
