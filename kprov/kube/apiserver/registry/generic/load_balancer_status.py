"""The load balancer's addresses in the status of services and ingresses.

Source: upstream pkg/apis/core/validation/validation.go (ValidateLoadBalancerStatus).
"""

from __future__ import annotations

from collections.abc import Collection

from kprov.kube.apiserver.registry.generic import addresses, checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject


def list_load_balancers(obj: JsonObject) -> list[JsonObject]:
    return ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []


def check_load_balancer_ip(ingress_point: JsonObject, known: Collection[str], path: str) -> Errors:
    """Check the address. An address that the old object has is not checked."""
    if ingress_point.get("ip") and ingress_point["ip"] not in known:
        yield from addresses.check_ip_address(ingress_point["ip"], f"{path}.ip")


def check_load_balancer_hostname(ingress_point: JsonObject, path: str) -> Errors:
    yield from checks.check_optional_field(ingress_point, path, "hostname", names.is_dns1123_subdomain)
    if addresses.parse_address(ingress_point.get("hostname") or "") is not None:
        text = "must be a DNS name, not an IP address"
        yield field.invalid(f"{path}.hostname", ingress_point["hostname"], text)
