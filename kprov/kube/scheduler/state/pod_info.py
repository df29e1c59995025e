"""What the scheduler needs of a pod, computed once when the pod arrives (framework.PodInfo)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from kprov.kube.api.core import Pod, PodAffinityTerm, ResourceList
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.state.pod_requests import amount, sum_requests

#: Columns of the resource arrays: milli-CPU, bytes, bytes, count. Others (extended resources) stand in dicts.
CPU, MEMORY, EPHEMERAL, PODS = range(4)
COLUMNS = {"cpu": CPU, "memory": MEMORY, "ephemeral-storage": EPHEMERAL, "pods": PODS}
Amounts = NDArray[np.int64]

#: Most pods have no extended resources: they share this.
_NOTHING: Final[dict[str, int]] = {}


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """A pod (anti-)affinity term with its selector ready. `namespaces` empty with `everywhere` means all."""

    topology_key: str
    selector: LabelSelector
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    weight: int = 0

    @property
    def key(self) -> tuple[str, str, frozenset[str], str]:
        """Return a key that is equal for terms that count the same pods in the same domains."""
        return (self.topology_key, str(self.selector), self.namespaces, str(self.namespace_selector))

    def matches(self, namespace: str, labels: dict[str, str], namespace_labels: dict[str, str]) -> bool:
        """Whether the term selects a pod."""
        if namespace not in self.namespaces and not (
            self.namespace_selector is not None and self.namespace_selector.matches(namespace_labels)
        ):
            return False
        return self.selector.matches(labels)


@dataclass(slots=True)
class PodInfo:
    """A pod with its sums by COLUMNS. nonzero: with defaults for containers without requests."""

    pod: Pod
    requests: Amounts
    extended: dict[str, int]
    nonzero: Amounts
    host_ports: frozenset[tuple[str, str, int]]
    affinity: tuple[AffinityTerm, ...]
    anti_affinity: tuple[AffinityTerm, ...]
    preferred_affinity: tuple[AffinityTerm, ...]
    preferred_anti_affinity: tuple[AffinityTerm, ...]
    slot: int = field(default=-1)

    @property
    def namespace(self) -> str:
        return self.pod.metadata.namespace

    @property
    def labels(self) -> dict[str, str]:
        return self.pod.metadata.labels

    @property
    def priority(self) -> int:
        return self.pod.spec.priority or 0


def build_pod_info(pod: Pod) -> PodInfo:
    """Compute the pod's sums, as upstream's resourcehelper.PodRequests and framework.NewPodInfo do."""
    requests, nonzero, extended = _sum_amounts(pod)
    affinity = pod.spec.affinity
    near = affinity.pod_affinity if affinity else None
    far = affinity.pod_anti_affinity if affinity else None
    return PodInfo(
        pod=pod,
        requests=requests,
        extended=extended,
        nonzero=nonzero,
        host_ports=list_host_ports(pod),
        affinity=tuple(
            _build_affinity_term(t, pod) for t in near.required_during_scheduling_ignored_during_execution
        )
        if near
        else (),
        anti_affinity=build_anti_affinity(pod),
        preferred_affinity=tuple(
            _build_affinity_term(t.pod_affinity_term, pod, t.weight)
            for t in near.preferred_during_scheduling_ignored_during_execution
        )
        if near
        else (),
        preferred_anti_affinity=tuple(
            _build_affinity_term(t.pod_affinity_term, pod, t.weight)
            for t in far.preferred_during_scheduling_ignored_during_execution
        )
        if far
        else (),
    )


def build_anti_affinity(pod: Pod) -> tuple[AffinityTerm, ...]:
    """Return the required terms of anti-affinity."""
    far = pod.spec.affinity.pod_anti_affinity if pod.spec.affinity else None
    if far is None:
        return ()
    return tuple(
        _build_affinity_term(t, pod) for t in far.required_during_scheduling_ignored_during_execution
    )


def list_host_ports(pod: Pod) -> frozenset[tuple[str, str, int]]:
    """Return (protocol, address, port) of the containers and sidecars."""
    return frozenset(
        (port.protocol or "TCP", port.host_ip or "0.0.0.0", port.host_port)
        for container in (
            *pod.spec.containers,
            *(c for c in pod.spec.init_containers if c.restart_policy == "Always"),
        )
        for port in container.ports
        if port.host_port
    )


def is_placed(pod: Pod) -> bool:
    """Whether the pod takes a place on a node: it has one, or is nominated for one."""
    return bool(pod.spec.node_name or pod.status.nominated_node_name)


def place_pod(pod: Pod, node: str) -> Pod:
    """Return a copy of the pod that is bound to the node."""
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, node_name=node))


def _build_affinity_term(term: PodAffinityTerm, pod: Pod, weight: int = 0) -> AffinityTerm:
    """Build a term. Without namespaces and namespaceSelector it selects pods of the pod's own namespace."""
    own = (
        frozenset({pod.metadata.namespace})
        if not term.namespaces and term.namespace_selector is None
        else frozenset()
    )
    selector = to_label_selector(term.label_selector)
    extra = [
        f"{key} in ({pod.metadata.labels[key]})"
        for key in term.match_label_keys
        if key in pod.metadata.labels
    ]
    extra += [
        f"{key} notin ({pod.metadata.labels[key]})"
        for key in term.mismatch_label_keys
        if key in pod.metadata.labels
    ]
    if extra:
        selector = LabelSelector.parse(",".join([*filter(None, [str(selector)]), *extra]))
    return AffinityTerm(
        topology_key=term.topology_key,
        selector=selector,
        namespaces=own | frozenset(term.namespaces),
        namespace_selector=None
        if term.namespace_selector is None
        else to_label_selector(term.namespace_selector),
        weight=weight,
    )


def to_label_selector(selector: object) -> LabelSelector:
    """Convert a typed metav1.LabelSelector. None matches nothing, an empty selector matches everything."""
    return LabelSelector.from_object(None if selector is None else msgspec.to_builtins(selector))


def _sum_amounts(pod: Pod) -> tuple[Amounts, Amounts, dict[str, int]]:
    """Return the requests, the requests with defaults, and the extended resources."""
    total = sum_requests(pod)
    nonzero = total if _has_all_requests(pod) else sum_requests(pod, nonzero=True)
    extended = {name: value for name, value in total.items() if value and name not in COLUMNS}
    return _to_row(total, pods=1), _to_row(nonzero, pods=0), extended or _NOTHING


def _has_all_requests(pod: Pod) -> bool:
    """Whether no container needs a default."""
    return not (pod.status.container_statuses or pod.status.init_container_statuses) and all(
        "cpu" in container.resources.requests and "memory" in container.resources.requests
        for container in (*pod.spec.containers, *pod.spec.init_containers)
    )


def _to_row(total: dict[str, int], pods: int) -> Amounts:
    return _make_row(total.get("cpu", 0), total.get("memory", 0), total.get("ephemeral-storage", 0), pods)


@lru_cache(maxsize=4096)
def _make_row(*amounts: int) -> Amounts:
    """Return an array by COLUMNS. Pods with equal requests share their row."""
    row = np.array(amounts, dtype=np.int64)
    row.setflags(write=False)
    return row


def parse_amounts(resources: ResourceList) -> tuple[Amounts, dict[str, int]]:
    """Return the columns and the extended resources of a node's allocatable."""
    row = np.zeros(len(COLUMNS), dtype=np.int64)
    extended: dict[str, int] = {}
    for name, value in resources.items():
        column = COLUMNS.get(name)
        if column is None:
            extended[name] = amount(name, value)
        else:
            row[column] = amount(name, value)
    return row, extended
