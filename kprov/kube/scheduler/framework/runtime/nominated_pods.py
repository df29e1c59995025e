"""Counts nominated pods as if they were on their nodes (upstream's RunFilterPluginsWithNominatedPods)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from kprov.kube.scheduler.framework.plugin import CycleState
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.pod_info import PodInfo


def list_rivals(cycle: CycleState, nodes: Iterable[str]) -> list[tuple[PodInfo, str]]:
    """Return the nominated pods to which this pod must leave space on these nodes, with their nodes."""
    return [
        (info, node)
        for node in nodes
        for info in cycle.nominator.list_rivals(node, cycle.info)
        if info.pod.metadata.uid not in cycle.state.pods
    ]


def read_only_requests(cycle: CycleState, rivals: Iterable[tuple[PodInfo, str]]) -> bool:
    """Whether no filter reads more of these pods than their requests."""
    return all(
        plugin.uses_requests_only for plugin in cycle.filters if plugin.depends_on_pods(cycle)
    ) and not any(info.anti_affinity for info, _ in rivals)


@contextmanager
def assume_pods(
    state: ClusterState, placed: Sequence[tuple[PodInfo, str]], *, only_requests: bool = False
) -> Iterator[None]:
    """Count pods as if they were on those nodes.

    `only_requests`: change nothing but the sums of requests, which is faster. Filters read no more then.
    """
    if only_requests:
        with _assume_requests(state, placed):
            yield
        return
    added: list[str] = []
    try:
        for info, node in placed:
            state.add_pod(info, node)
            added.append(info.pod.metadata.uid)
        yield
    finally:
        for uid in added:
            state.remove_pod(uid)


@contextmanager
def _assume_requests(state: ClusterState, placed: Iterable[tuple[PodInfo, str]]) -> Iterator[None]:
    added = [(info, state.slot_of[node]) for info, node in placed if node in state.slot_of]
    state.change_requests_of(added, 1)
    try:
        yield
    finally:
        state.change_requests_of(added, -1)
