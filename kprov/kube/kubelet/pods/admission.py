"""Whether the node accepts a pod (pkg/kubelet/lifecycle/predicate.go)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.pods import apparmor, pod_queries, resources, sysctls
from kprov.kube.kubelet.pods.sysctls import SysctlRules
from kprov.kube.machinery.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Rejection:
    reason: str
    message: str


class PodAdmission:
    """`allocatable`: amounts of cpu, memory and pods of this node."""

    def __init__(
        self,
        allocatable: dict[str, Quantity],
        max_pods: int,
        apparmor_problem: str | None,
        sysctl_rules: SysctlRules,
    ) -> None:
        """`apparmor_problem`: why AppArmor cannot be enforced here. None if it can."""
        self._apparmor_problem = apparmor_problem
        self._allocatable = allocatable
        self._max_pods = max_pods
        self._sysctl_rules = sysctl_rules

    def admit(self, pod: Pod, others: Sequence[Pod]) -> Rejection | None:
        """None when the node accepts the pod. Critical pods are admitted without a look at resources."""
        if self._apparmor_problem and apparmor.is_required(pod):
            return Rejection("AppArmor", f"Cannot enforce AppArmor: {self._apparmor_problem}")
        if problem := self._sysctl_rules.find_problem(pod):
            return Rejection(sysctls.REASON, problem)
        if pod_queries.is_critical(pod):
            return None
        return self._check_resources(pod, others) or _check_host_ports(pod, others)

    def _check_resources(self, pod: Pod, others: Sequence[Pod]) -> Rejection | None:
        if len(others) + 1 > self._max_pods:
            return _reject_out_of("pods", 1, len(others), self._max_pods)
        for resource in ("cpu", "memory"):
            quantity = self._allocatable.get(resource)
            if quantity is None:
                continue
            capacity = quantity.milli_value if resource == "cpu" else quantity.value
            requested = resources.sum_requests(pod, resource)
            used = sum(resources.sum_requests(other, resource) for other in others)
            if requested and requested + used > capacity:
                return _reject_out_of(resource, requested, used, capacity)
        return None


def _check_host_ports(pod: Pod, others: Sequence[Pod]) -> Rejection | None:
    ports = _list_host_ports(pod)
    if ports and any(ports & _list_host_ports(other) for other in others):
        return Rejection(
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        )
    return None


def _reject_out_of(resource: str, requested: int, used: int, capacity: int) -> Rejection:
    text = (
        f"Node didn't have enough resource: {resource},"
        f" requested: {requested}, used: {used}, capacity: {capacity}"
    )
    return Rejection(f"OutOf{resource}", text)


def _list_host_ports(pod: Pod) -> set[tuple[str, str, int]]:
    return {
        (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)
        for container in pod.spec.containers
        for port in container.ports
        if port.host_port
    }
