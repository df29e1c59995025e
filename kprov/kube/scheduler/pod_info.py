"""A pod with what the scheduler asks of it over and over, worked out once."""

from typing import NamedTuple

from kprov.kube.api.core import Pod, PodAffinityTerm, WeightedPodAffinityTerm
from kprov.kube.component_helpers.pod_resources import Amounts, pod_requests

Labels = tuple[tuple[str, str], ...]


class HostPort(NamedTuple):
    ip: str
    protocol: str
    port: int


class PodInfo:
    """Amounts as in pod_resources; `label_key` groups pods that no selector can tell apart."""

    __slots__ = (
        "affinity_preferred",
        "affinity_required",
        "anti_preferred",
        "anti_required",
        "host_ports",
        "label_key",
        "non_zero",
        "pod",
        "requests",
    )

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.requests: Amounts = {name: value for name, value in pod_requests(pod).items() if value}
        self.non_zero = pod_requests(pod, non_zero=True)
        self.label_key: Labels = tuple(sorted(pod.metadata.labels.items()))
        self.host_ports = host_ports(pod)
        affinity = pod.spec.affinity
        near = affinity.pod_affinity if affinity else None
        far = affinity.pod_anti_affinity if affinity else None
        none: list[PodAffinityTerm] = []
        nothing: list[WeightedPodAffinityTerm] = []
        self.affinity_required = near.required_during_scheduling_ignored_during_execution if near else none
        self.affinity_preferred = (
            near.preferred_during_scheduling_ignored_during_execution if near else nothing
        )
        self.anti_required = far.required_during_scheduling_ignored_during_execution if far else none
        self.anti_preferred = far.preferred_during_scheduling_ignored_during_execution if far else nothing

    @property
    def namespace(self) -> str:
        return self.pod.metadata.namespace

    @property
    def has_affinity(self) -> bool:
        return bool(
            self.affinity_required or self.affinity_preferred or self.anti_required or self.anti_preferred
        )

    @property
    def priority(self) -> int:
        return self.pod.spec.priority or 0


def host_ports(pod: Pod) -> tuple[HostPort, ...]:
    sidecars = [entry for entry in pod.spec.init_containers if entry.restart_policy == "Always"]
    return tuple(
        HostPort(port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)
        for container in (*sidecars, *pod.spec.containers)
        for port in container.ports
        if port.host_port
    )
