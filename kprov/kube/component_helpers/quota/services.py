"""What services use of a quota (upstream pkg/quota/v1/evaluator/core/services.go)."""

from __future__ import annotations

from kprov.kube.component_helpers.pod_resources import Amounts
from kprov.kube.component_helpers.quota.evaluator import ONE, Evaluator
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import ZERO, Quantity


class Services(Evaluator):
    def __init__(self) -> None:
        super().__init__("", "services", "services", "services.nodeports", "services.loadbalancers")

    def handles(self, operation: str, subresource: str, obj: JsonMapping, old: JsonMapping | None) -> bool:
        return not subresource and operation in {"CREATE", "UPDATE"}

    def usage(self, obj: JsonMapping) -> Amounts:
        spec = obj.get("spec") or {}
        kind, ports = spec.get("type"), spec.get("ports") or ()
        node_ports = len(ports) if kind in {"NodePort", "LoadBalancer"} else 0
        if kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
            # Without allocation only ports with a number count.
            node_ports = sum(bool(port.get("nodePort")) for port in ports)
        return {
            self.count: ONE,
            "services": ONE,
            "services.nodeports": Quantity.of(node_ports),
            "services.loadbalancers": ONE if kind == "LoadBalancer" else ZERO,
        }
