"""NodeAffinity: nodeSelector and node affinity, required as a filter and preferred as a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api import core
from kprov.kube.api.core import Node, Pod
from kprov.kube.component_helpers.node_affinity import is_node_selected, matches_selector
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.scores import Scores, normalize_scores
from kprov.kube.scheduler.framework.status import Status, reject
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.node_selectors import match_selector, match_term
from kprov.kube.scheduler.state.pod_info import PodInfo

_ENFORCED = "node(s) didn't match scheduler-enforced node affinity"


class NodeAffinity(Plugin):
    name = "NodeAffinity"

    def __init__(self, added: core.NodeAffinity | None = None) -> None:
        """Create the plugin. `added`: affinity of all pods of the profile, besides their own."""
        self._required = added.required_during_scheduling_ignored_during_execution if added else None
        self._preferred = added.preferred_during_scheduling_ignored_during_execution if added else []

    def list_events(self) -> Sequence[EventRegistration]:
        return (EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL, self._helps_node),)

    def _helps_node(self, info: PodInfo, old: Node | None, new: Node) -> bool:
        """Whether the node is selected now, in contrast to before."""
        return self._selects(info.pod, new) and (old is None or not self._selects(info.pod, old))

    def _selects(self, pod: Pod, node: Node) -> bool:
        added = self._required
        return (added is None or matches_selector(added, node)) and is_node_selected(pod.spec, node)

    def pre_filter(self, cycle: CycleState) -> Status | None:
        """Select the nodes that the affinity names, as that of a DaemonSet's pod does."""
        names = _find_named_nodes(cycle.info.pod)
        if names is None:
            return None
        if not names:
            return reject("pod affinity terms conflict")
        cycle.select_nodes(self.name, names)
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        if self._required is not None:
            yield Rejection(_ENFORCED, ~match_selector(self._required, cycle.state))
        matching = match_required_affinity(cycle.info.pod, cycle.state)
        if matching is not None:
            yield Rejection("node(s) didn't match Pod's node affinity/selector", ~matching)

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        affinity = cycle.info.pod.spec.affinity
        terms = (
            affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
            if affinity and affinity.node_affinity
            else []
        )
        terms = [*self._preferred, *terms]
        if not terms:
            return None
        scores = np.zeros(cycle.state.capacity, dtype=np.float64)
        for term in terms:
            scores += term.weight * match_term(term.preference, cycle.state)
        return normalize_scores(scores, feasible)


def _find_named_nodes(pod: Pod) -> set[str] | None:
    """Return the nodes that the required affinity names. None if one of its terms does not name nodes."""
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if required is None or not required.node_selector_terms:
        return None
    names: set[str] = set()
    for term in required.node_selector_terms:
        fields = [
            set(requirement.values)
            for requirement in term.match_fields
            if requirement.key == "metadata.name" and requirement.operator == "In"
        ]
        if not fields:
            return None
        names |= set.intersection(*fields)
    return names


def match_required_affinity(pod: Pod, state: ClusterState) -> Mask | None:
    """Return the slots that nodeSelector and required node affinity accept, None if the pod has neither."""
    matching: Mask | None = None
    for key, value in pod.spec.node_selector.items():
        mask = state.get_label_column(key).match_values([value])
        matching = mask if matching is None else matching & mask
    affinity = pod.spec.affinity
    selector = (
        affinity.node_affinity.required_during_scheduling_ignored_during_execution
        if affinity and affinity.node_affinity
        else None
    )
    if selector is not None:
        mask = match_selector(selector, state)
        matching = mask if matching is None else matching & mask
    return matching
