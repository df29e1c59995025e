"""PodTopologySpread: like pods even over the values of a node label (zones, hosts)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kprov.kube.api.core import Node, Pod, TopologySpreadConstraint
from kprov.kube.machinery.selectors import LabelSelector
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.scores import MAX_SCORE, Scores
from kprov.kube.scheduler.plugins.node_affinity import match_required_affinity
from kprov.kube.scheduler.plugins.taint_toleration import find_untolerated_taint
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Counts, Mask, sum_by_domain
from kprov.kube.scheduler.state.pod_info import PodInfo, is_placed, to_label_selector

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
#: Constraints of pods that have none: they never reject a node.
_SYSTEM_DEFAULTS = tuple(
    TopologySpreadConstraint(max_skew=skew, topology_key=key, when_unsatisfiable="ScheduleAnyway")
    for key, skew in ((HOSTNAME, 3), (ZONE, 5))
)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint with its selector ready."""

    max_skew: int
    topology_key: str
    selector: LabelSelector
    min_domains: int
    honour_affinity: bool
    honour_taints: bool


class PodTopologySpread(Plugin):
    """Spreads pods over topology domains.

    `default_selector` returns which pods to spread a pod with, if it has no constraints of its own: those
    of the same services and owner.
    """

    name = "PodTopologySpread"

    def __init__(
        self,
        default_selector: Callable[[Pod], LabelSelector | None],
        defaults: Sequence[TopologySpreadConstraint] | None = None,
    ) -> None:
        """Create the plugin.

        `defaults`: constraints of pods without any, None for upstream's system defaults.
        """
        self._default_selector = default_selector
        self._defaults = defaults

    def list_events(self) -> Sequence[EventRegistration]:
        pods = Action.ADD | Action.UPDATE_POD_LABEL | Action.UPDATE_POD_TOLERATION | Action.DELETE
        nodes = Action.ADD | Action.DELETE | Action.UPDATE_NODE_LABEL | Action.UPDATE_NODE_TAINT
        return (
            EventRegistration(Resource.POD, pods, self._helps_pod),
            EventRegistration(Resource.NODE, nodes, self._helps_node),
        )

    def _helps_pod(self, info: PodInfo, old: Pod | None, new: Pod | None) -> bool:
        """Whether a change of another pod changes the counts of a constraint."""
        is_itself = new is not None and new.metadata.uid == info.pod.metadata.uid
        if not is_itself and any(
            pod is not None and (pod.metadata.namespace != info.namespace or not is_placed(pod))
            for pod in (old, new)
        ):
            return False
        constraints = self._list_constraints(info.pod, "DoNotSchedule")
        if old is not None and new is not None:
            if is_itself and old.spec.tolerations != new.spec.tolerations:
                return any(constraint.honour_taints for constraint in constraints)
            return any(
                constraint.selector.matches(old.metadata.labels)
                != constraint.selector.matches(new.metadata.labels)
                for constraint in constraints
            )
        pod = new or old
        assert pod is not None
        return all(constraint.selector.matches(pod.metadata.labels) for constraint in constraints)

    def _helps_node(self, info: PodInfo, old: Node | None, new: Node | None) -> bool:
        """Whether the domains of the pod's constraints are others now."""
        keys = {constraint.topology_key for constraint in self._list_constraints(info.pod, "DoNotSchedule")}
        before = old is not None and keys <= old.metadata.labels.keys()
        after = new is not None and keys <= new.metadata.labels.keys()
        if old is None or new is None or before != after:
            return before or after
        return after and (
            any(old.metadata.labels[key] != new.metadata.labels[key] for key in keys)
            or old.spec.taints != new.spec.taints
        )

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        """Reject nodes. The first constraint that is not met decides whether preemption may help."""
        hard = self._list_constraints(cycle.info.pod, "DoNotSchedule")
        keys_present = _find_nodes_with_keys(cycle.state, hard)
        for constraint in hard:
            yield Rejection(
                "node(s) didn't match pod topology spread constraints (missing required label)",
                cycle.state.get_label_column(constraint.topology_key).ids < 0,
            )
            yield Rejection(
                "node(s) didn't match pod topology spread constraints",
                self._find_skewed_slots(cycle, constraint, keys_present),
                True,
            )

    def depends_on_pods(self, cycle: CycleState) -> bool:
        return bool(self._list_constraints(cycle.info.pod, "DoNotSchedule"))

    def _find_skewed_slots(self, cycle: CycleState, constraint: Constraint, keys_present: Mask) -> Mask:
        state = cycle.state
        column = state.get_label_column(constraint.topology_key)
        counted = _find_counted_nodes(cycle, constraint) & keys_present
        matching = sum_by_domain(column, _count_matching_pods(cycle, constraint), counted)
        domains = np.unique(column.ids[counted])
        smallest = 0
        if len(domains) >= constraint.min_domains and len(domains):
            smallest = int(matching[counted].min())
        myself = int(constraint.selector.matches(cycle.info.labels))
        skewed: Mask = matching + myself - smallest > constraint.max_skew
        # A value that no counted node has is not a domain: upstream finds no entry for it and lets it pass.
        return skewed & np.isin(column.ids, domains)

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        pod = cycle.info.pod
        soft = self._list_constraints(pod, "ScheduleAnyway")
        defaulted = self._defaults is None and not pod.spec.topology_spread_constraints
        if not soft:
            return None
        state = cycle.state
        scores = np.zeros(state.capacity, dtype=np.float64)
        # Under the defaults, nodes without a label count too: they are one more domain.
        counted = state.alive if defaulted else _find_nodes_with_keys(state, soft)
        considered = feasible & counted
        for constraint in soft:
            column = state.get_label_column(constraint.topology_key)
            matching = _count_matching_pods(cycle, constraint)
            if constraint.topology_key == HOSTNAME:
                size = int(considered.sum())
            else:
                size = len(np.unique(column.ids[considered]))
                matching = sum_by_domain(column, matching, _find_counted_nodes(cycle, constraint) & counted)
            scores += np.where(column.ids >= 0, matching * np.log(size + 2) + (constraint.max_skew - 1), 0.0)
        return _normalize(np.floor(scores + 0.5), considered)

    def _list_constraints(self, pod: Pod, when: str) -> list[Constraint]:
        """Return the pod's own constraints, or the defaults with the default selector."""
        own = pod.spec.topology_spread_constraints
        if own:
            return [
                _build_constraint(constraint, _add_match_label_keys(constraint, pod))
                for constraint in own
                if constraint.when_unsatisfiable == when
            ]
        defaults = _SYSTEM_DEFAULTS if self._defaults is None else self._defaults
        wanted = [constraint for constraint in defaults if constraint.when_unsatisfiable == when]
        selector = self._default_selector(pod) if wanted else None
        if selector is None or selector.is_empty:
            return []
        return [_build_constraint(constraint, selector) for constraint in wanted]


def _build_constraint(constraint: TopologySpreadConstraint, selector: LabelSelector) -> Constraint:
    return Constraint(
        max_skew=constraint.max_skew,
        topology_key=constraint.topology_key,
        selector=selector,
        min_domains=constraint.min_domains or 1,
        honour_affinity=constraint.node_affinity_policy != "Ignore",
        honour_taints=constraint.node_taints_policy == "Honor",
    )


def _add_match_label_keys(constraint: TopologySpreadConstraint, pod: Pod) -> LabelSelector:
    selector = to_label_selector(constraint.label_selector)
    keys = [key for key in constraint.match_label_keys if key in pod.metadata.labels]
    if not keys:
        return selector
    extra = [f"{key} in ({pod.metadata.labels[key]})" for key in keys]
    return LabelSelector.parse(",".join([*filter(None, [str(selector)]), *extra]))


def _count_matching_pods(cycle: CycleState, constraint: Constraint) -> Counts:
    """Return the number of selected pods of the namespace by slot, without those that are being deleted.

    An empty selector counts no pods, as upstream's does.
    """
    namespace, selector = cycle.info.namespace, constraint.selector
    if selector.is_empty:
        return np.zeros(cycle.state.capacity, dtype=np.int64)

    def is_counted(info: PodInfo) -> int:
        return int(
            info.namespace == namespace
            and not info.pod.metadata.deletion_timestamp
            and selector.matches(info.labels)
        )

    return cycle.state.count(("spread", namespace, str(selector)), is_counted)


def _find_nodes_with_keys(state: ClusterState, constraints: Sequence[Constraint]) -> Mask:
    """Return the slots of nodes that have the labels of all constraints."""
    mask = state.alive.copy()
    for constraint in constraints:
        mask &= state.get_label_column(constraint.topology_key).ids >= 0
    return mask


def _find_counted_nodes(cycle: CycleState, constraint: Constraint) -> Mask:
    """Return the slots whose pods count: by default those that the pod's node affinity accepts."""
    state = cycle.state
    mask = state.alive.copy()
    if constraint.honour_affinity:
        matching = match_required_affinity(cycle.info.pod, state)
        if matching is not None:
            mask &= matching
    if constraint.honour_taints:
        tolerations = cycle.info.pod.spec.tolerations
        good = [
            n
            for n, taints in enumerate(state.taint_sets)
            if find_untolerated_taint(taints, tolerations) is None
        ]
        mask &= np.isin(state.taint_ids, good)
    return mask


def _normalize(scores: Scores, considered: Mask) -> Scores:
    """Scale scores as upstream's NormalizeScore: the fewest pods get 100, nodes that lack a label get 0."""
    if not considered.any():
        return np.zeros_like(scores)
    smallest, largest = scores[considered].min(), scores[considered].max()
    if largest == 0:
        return np.where(considered, MAX_SCORE, 0.0)
    return np.where(considered, np.floor(MAX_SCORE * (largest + smallest - scores) / largest), 0.0)
