"""Allocated values that an update keeps, and fields that a change of the type drops.

Source: upstream pkg/registry/core/service/strategy.go (dropTypeDependentFields) and storage/storage.go
(normalizeClusterIPs, patchAllocatedValues).
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.core.service.service_types import (
    is_externally_accessible,
    may_have_node_port,
    needs_cluster_ip,
    needs_health_check_port,
    needs_node_port,
)
from kprov.kube.machinery.json_object import JsonObject


def normalize_cluster_ips(spec: JsonObject, old: JsonObject | None) -> None:
    """Make clusterIP and clusterIPs equal. The one that the client changed wins."""
    if old is None:
        if spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        return
    address, before = spec.get("clusterIP") or "", old.get("clusterIP") or ""
    if address == before:
        if old.get("clusterIPs") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = list(old["clusterIPs"])
    elif (spec.get("clusterIPs") or []) == (old.get("clusterIPs") or []):
        if address:
            spec["clusterIPs"] = [address]
        else:
            spec.pop("clusterIPs", None)


def keep_allocated(spec: JsonObject, old: JsonObject) -> None:
    """Keep allocated values that the client leaves out."""
    if needs_cluster_ip(old) and needs_cluster_ip(spec):
        if not spec.get("clusterIP") and old.get("clusterIP"):
            spec["clusterIP"] = old["clusterIP"]
        if not spec.get("clusterIPs") and old.get("clusterIPs"):
            spec["clusterIPs"] = list(old["clusterIPs"])
    if needs_node_port(old) and needs_node_port(spec):
        _keep_node_ports(spec, old)
    if needs_health_check_port(old) and needs_health_check_port(spec) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = old.get("healthCheckNodePort", 0)


def _keep_node_ports(spec: JsonObject, old: JsonObject) -> None:
    """Keep node ports by port name, except a number that the client moves to another port."""
    before = {port.get("name", ""): port.get("nodePort", 0) for port in old.get("ports") or ()}
    used = _collect_node_ports(old) & _collect_node_ports(spec)
    for port in spec.get("ports") or ():
        known = before.get(port.get("name", ""), 0)
        if known and not port.get("nodePort") and known not in used:
            port["nodePort"] = known


def _drop_unchanged_cluster_ips(spec: JsonObject, old: JsonObject) -> None:
    same = (spec.get("clusterIPs") or []) == (old.get("clusterIPs") or [])
    if same and (spec.get("clusterIP") or "") == (old.get("clusterIP") or ""):
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    for name in ("ipFamilies", "ipFamilyPolicy"):
        if spec.get(name) == old.get(name):
            spec.pop(name, None)


def drop_type_dependent(spec: JsonObject, old: JsonObject) -> None:
    """Drop fields that the new type does not allow if the client did not change them."""
    if needs_cluster_ip(old) and not needs_cluster_ip(spec):
        _drop_unchanged_cluster_ips(spec, old)
    if (
        may_have_node_port(old)
        and not may_have_node_port(spec)
        and _collect_node_ports(spec) <= _collect_node_ports(old)
    ):
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)
    if needs_health_check_port(old) and not needs_health_check_port(spec):
        _drop_same(spec, old, "healthCheckNodePort")
    if old.get("type") == "LoadBalancer" and spec.get("type") != "LoadBalancer":
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            _drop_same(spec, old, name)
    if is_externally_accessible(old) and not is_externally_accessible(spec):
        _drop_same(spec, old, "externalTrafficPolicy")


def _collect_node_ports(spec: JsonObject) -> set[int]:
    return {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}


def _drop_same(spec: JsonObject, old: JsonObject, name: str) -> None:
    if spec.get(name) == old.get(name):
        spec.pop(name, None)
