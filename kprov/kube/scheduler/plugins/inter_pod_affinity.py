"""InterPodAffinity: pods that want to be near others, or far; theirs and those of the pods already there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.scores import MAX_SCORE, Scores
from kprov.kube.scheduler.plugins.inter_pod_affinity_hints import helps_node, helps_pod
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Counts, Mask, sum_by_domain
from kprov.kube.scheduler.state.pod_info import AffinityTerm, PodInfo


class InterPodAffinity(Plugin):
    name = "InterPodAffinity"

    def __init__(self, hard_weight: int = 1, *, ignore_preferred: bool = False) -> None:
        """Create the plugin. `hard_weight`: weight of the required affinity of existing pods in the score.

        `ignore_preferred`: whether preferred terms of existing pods count only for pods that have such
        terms.
        """
        self._hard_weight = hard_weight
        self._ignore_preferred = ignore_preferred

    def list_events(self) -> Sequence[EventRegistration]:
        pods = Action.ADD | Action.UPDATE_POD_LABEL | Action.DELETE
        return (
            EventRegistration(Resource.POD, pods, helps_pod),
            EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL, helps_node),
            # Terms may select namespaces by their labels.
            EventRegistration(Resource.NAMESPACE, Action.ADD | Action.UPDATE),
        )

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        state, info = cycle.state, cycle.info
        if info.affinity:
            yield Rejection("node(s) didn't match pod affinity rules", ~_find_slots_near_pods(state, info))
        for term in info.anti_affinity:
            near = (
                sum_by_domain(
                    state.get_label_column(term.topology_key), _count_matching_pods(state, term), state.alive
                )
                > 0
            )
            yield Rejection("node(s) didn't match pod anti-affinity rules", near, True)
        for (kind, _, _), (term, counter) in state.terms.items():
            if kind == "required-anti" and _matches_pod(term, info, state):
                near = (
                    sum_by_domain(state.get_label_column(term.topology_key), counter.counts, state.alive) > 0
                )
                yield Rejection("node(s) didn't satisfy existing pods anti-affinity rules", near, True)

    def depends_on_pods(self, cycle: CycleState) -> bool:
        info = cycle.info
        return bool(info.affinity or info.anti_affinity) or any(
            kind == "required-anti" and _matches_pod(term, info, cycle.state)
            for (kind, _, _), (term, _) in cycle.state.terms.items()
        )

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        state, info = cycle.state, cycle.info
        scores = np.zeros(state.capacity, dtype=np.float64)
        any_term = False
        for terms, sign in ((info.preferred_affinity, 1), (info.preferred_anti_affinity, -1)):
            for term in terms:
                any_term = True
                scores += sign * term.weight * _sum_near(state, term, _count_matching_pods(state, term))
        if self._ignore_preferred and not any_term:
            return None
        for (kind, _, _), (term, counter) in state.terms.items():
            weights = {
                "preferred": term.weight,
                "preferred-anti": -term.weight,
                "required": self._hard_weight,
            }
            weight = weights.get(kind, 0)
            if weight and _matches_pod(term, info, state):
                any_term = True
                scores += weight * sum_by_domain(
                    state.get_label_column(term.topology_key), counter.counts, state.alive
                )
        if not any_term or not feasible.any():
            return None
        smallest, largest = scores[feasible].min(), scores[feasible].max()
        if largest == smallest:
            return None
        # Divides first, as upstream: 29 of 100 makes 28.
        result: Scores = np.floor(MAX_SCORE * ((scores - smallest) / (largest - smallest)))
        return result


def _sum_near(state: ClusterState, term: AffinityTerm, counts: Counts) -> Counts:
    """Return the number of counted pods in the topology domain of each slot."""
    return sum_by_domain(state.get_label_column(term.topology_key), counts, state.alive)


def _find_slots_near_pods(state: ClusterState, info: PodInfo) -> Mask:
    """Return the slots in whose domains each required term selects a pod.

    The first pod of a group that has affinity to its own labels does not find such a pod. It may go to any
    node that has the labels of the topology.
    """
    columns = [state.get_label_column(term.topology_key) for term in info.affinity]
    counts = _count_pods_matching_all(state, info.affinity)
    labelled = np.ones(state.capacity, dtype=np.bool_)
    near = np.ones(state.capacity, dtype=np.bool_)
    for column in columns:
        labelled &= column.ids >= 0
        near &= sum_by_domain(column, counts, state.alive) > 0
    nobody_yet = not any(sum_by_domain(column, counts, state.alive).any() for column in columns)
    if nobody_yet and all(_matches_pod(term, info, state) for term in info.affinity):
        return labelled
    return near & labelled


def _matches_pod(term: AffinityTerm, info: PodInfo, state: ClusterState) -> bool:
    return term.matches(info.namespace, info.labels, state.namespace_labels.get(info.namespace, {}))


def _count_matching_pods(state: ClusterState, term: AffinityTerm) -> Counts:
    return state.count(("affinity", *term.key[1:]), lambda info: int(_matches_pod(term, info, state)))


def _count_pods_matching_all(state: ClusterState, terms: tuple[AffinityTerm, ...]) -> Counts:
    key = ("affinity-all", *(term.key[1:] for term in terms))
    return state.count(key, lambda info: int(all(_matches_pod(term, info, state) for term in terms)))
