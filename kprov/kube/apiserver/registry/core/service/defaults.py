"""Defaults of services.

Source: upstream pkg/apis/core/v1/defaults.go (SetDefaults_Service).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.core.service.service_types import is_externally_accessible
from kprov.kube.machinery.json_object import JsonObject

CLIENT_IP_SECONDS: Final = 10800
_WITH_IP: Final = {"ClusterIP", "NodePort", "LoadBalancer"}


def default_service(obj: JsonObject) -> None:
    """Set the defaults of a service (SetDefaults_Service)."""
    spec: JsonObject = obj.setdefault("spec", {})
    spec["sessionAffinity"] = spec.get("sessionAffinity") or "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config: JsonObject = spec.setdefault("sessionAffinityConfig", {})
        client_ip: JsonObject = config.setdefault("clientIP", {})
        client_ip.setdefault("timeoutSeconds", CLIENT_IP_SECONDS)
    spec["type"] = spec.get("type") or "ClusterIP"
    for port in spec.get("ports") or ():
        port["protocol"] = port.get("protocol") or "TCP"
        if port.get("targetPort") in {None, 0, ""}:
            port["targetPort"] = port.get("port", 0)
    if is_externally_accessible(spec) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec["type"] in _WITH_IP and spec.get("internalTrafficPolicy") is None:
        spec["internalTrafficPolicy"] = "Cluster"
    balancer: JsonObject = obj.setdefault("status", {}).setdefault("loadBalancer", {})
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        _default_ip_modes(balancer)


def _default_ip_modes(balancer: JsonObject) -> None:
    for ingress in balancer.get("ingress") or ():
        if ingress.get("ip") and ingress.get("ipMode") is None:
            ingress["ipMode"] = "VIP"
