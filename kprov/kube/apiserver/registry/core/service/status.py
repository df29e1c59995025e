"""The status of services: addresses of the load balancer.

Source: upstream pkg/apis/core/validation/validation.go (ValidateServiceStatusUpdate).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.load_balancer_status import (
    check_load_balancer_hostname,
    check_load_balancer_ip,
    list_load_balancers,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_IP_MODES: Final = ["Proxy", "VIP"]


def validate_service_status(obj: JsonObject, old: JsonObject) -> Errors:
    load_balancers = list_load_balancers(obj)
    path = "status.loadBalancer.ingress"
    if (obj.get("spec") or {}).get("type") != "LoadBalancer" and load_balancers:
        yield field.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    known = {load_balancer["ip"] for load_balancer in list_load_balancers(old) if load_balancer.get("ip")}
    for where, ingress_point in enumerate_items(load_balancers, path):
        yield from check_load_balancer_ip(ingress_point, known, where)
        address, mode = ingress_point.get("ip"), ingress_point.get("ipMode")
        if mode is None:
            if address:
                yield field.required(f"{where}.ipMode", "must be specified when `ip` is set")
        elif not address:
            yield field.forbidden(f"{where}.ipMode", "may not be specified when `ip` is not set")
        else:
            yield from checks.check_enum(mode, f"{where}.ipMode", _IP_MODES)
        yield from check_load_balancer_hostname(ingress_point, where)
