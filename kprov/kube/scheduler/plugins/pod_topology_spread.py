"""PodTopologySpread: pods that a selector takes are spread over zones, hosts or any other label."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api.core import TopologySpreadConstraint
from kprov.kube.api.meta import LabelSelector, LabelSelectorRequirement
from kprov.kube.component_helpers import taints
from kprov.kube.scheduler.framework import MAX_SCORE, ClusterEvent, Cycle, Plugin
from kprov.kube.scheduler.node_table import MISSING, Bools, Floats, Ints
from kprov.kube.scheduler.plugins.node_affinity import required_rows
from kprov.kube.scheduler.selection import matcher

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
# The system's default constraints, for pods that have none and belong to something that selects them.
_DEFAULTS = ((HOSTNAME, 3), (ZONE, 5))


class PodTopologySpread(Plugin):
    name = "PodTopologySpread"
    weight = 2
    requeue_on = frozenset(ClusterEvent)

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        constraints = [
            c
            for c in cycle.pod.pod.spec.topology_spread_constraints
            if c.when_unsatisfiable == "DoNotSchedule"
        ]
        if not constraints:
            return []
        table = cycle.table
        missing = np.zeros(table.size, dtype=np.bool_)
        for constraint in constraints:
            missing |= table.column(constraint.topology_key).codes == MISSING
        failed = [("node(s) didn't match pod topology spread constraints (missing required label)", missing)]
        for constraint in constraints:
            codes = table.column(constraint.topology_key).codes
            eligible = _eligible(cycle, constraint) & ~missing
            counts, present = _by_domain(codes, eligible, _counts(cycle, constraint))
            domains = int(present.sum())
            least = int(counts[present].min()) if domains else 0
            if domains < (constraint.min_domains or 1):
                least = 0
            own = int(_selects_itself(cycle, constraint))
            skewed = (counts[codes] + own - least > constraint.max_skew) & ~missing
            failed.append(("node(s) didn't match pod topology spread constraints", skewed))
        return failed

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        constraints, is_default = _soft_constraints(cycle)
        if not constraints:
            return None
        table = cycle.table
        total = np.zeros(table.size, dtype=np.float64)
        ignored = np.zeros(table.size, dtype=np.bool_)
        feasible = np.zeros(table.size, dtype=np.bool_)
        feasible[rows] = True
        for constraint in constraints:
            codes = table.column(constraint.topology_key).codes
            has = codes != MISSING
            if not is_default:
                ignored |= ~has
            weight = _weight(codes, feasible & has, per_host=constraint.topology_key == HOSTNAME)
            counts = _counts(cycle, constraint)
            if constraint.topology_key != HOSTNAME:
                counts = _by_domain(codes, _eligible(cycle, constraint), counts)[0][codes]
            total += np.where(has, counts * weight + (constraint.max_skew - 1), 0.0)
        return _normalize(total[rows], ignored[rows])


def _soft_constraints(cycle: Cycle) -> tuple[Sequence[TopologySpreadConstraint], bool]:
    own = cycle.pod.pod.spec.topology_spread_constraints
    if own:
        return [c for c in own if c.when_unsatisfiable == "ScheduleAnyway"], False
    selector = cycle.objects.default_selector(cycle.pod)
    if selector is None:
        return [], True
    return [
        TopologySpreadConstraint(
            max_skew=skew, topology_key=key, when_unsatisfiable="ScheduleAnyway", label_selector=selector
        )
        for key, skew in _DEFAULTS
    ], True


def _selector(cycle: Cycle, constraint: TopologySpreadConstraint) -> LabelSelector | None:
    """With matchLabelKeys: only pods that have the incoming pod's values for those labels."""
    labels, selector = cycle.pod.pod.metadata.labels, constraint.label_selector
    keys = [key for key in constraint.match_label_keys if key in labels]
    if selector is None or not keys:
        return selector
    more = [LabelSelectorRequirement(key=key, operator="In", values=[labels[key]]) for key in keys]
    return LabelSelector(
        match_labels=selector.match_labels, match_expressions=[*selector.match_expressions, *more]
    )


def _counts(cycle: Cycle, constraint: TopologySpreadConstraint) -> Ints:
    """Pods that the constraint is about, by row."""
    test = matcher(_selector(cycle, constraint))
    groups = cycle.table.groups.get(cycle.pod.namespace, {})

    def matching() -> Iterator[dict[int, int]]:
        return (rows for labels, rows in groups.items() if test(labels))

    return cycle.table.counts(matching())


def _selects_itself(cycle: Cycle, constraint: TopologySpreadConstraint) -> bool:
    return matcher(_selector(cycle, constraint))(cycle.pod.label_key)


def _eligible(cycle: Cycle, constraint: TopologySpreadConstraint) -> Bools:
    """Nodes whose pods and domains count: nodeAffinityPolicy (Honor), nodeTaintsPolicy (Ignore)."""
    table = cycle.table
    eligible = table.exists.copy()
    if constraint.node_affinity_policy != "Ignore":
        matching = required_rows(table, cycle.pod)
        if matching is not None:
            eligible &= matching
    if constraint.node_taints_policy == "Honor":
        tolerations = cycle.pod.pod.spec.tolerations
        hard = (taints.NO_SCHEDULE, taints.NO_EXECUTE)
        fine = np.fromiter(
            (taints.find_untolerated(entries, tolerations, hard) is None for entries in table.taint_sets),
            dtype=np.bool_,
        )
        eligible &= fine[table.taint_codes]
    return eligible


def _by_domain(codes: Ints, eligible: Bools, counts: Ints) -> tuple[Ints, Bools]:
    """(pods, whether there is such a node) by domain; one more at the end for rows without the label."""
    size = int(codes.max(initial=MISSING)) + 2
    sums = np.zeros(size, dtype=np.int64)
    present = np.zeros(size, dtype=np.bool_)
    rows = eligible & (codes != MISSING)
    np.add.at(sums, codes[rows], counts[rows])
    present[codes[rows]] = True
    return sums, present


def _weight(codes: Ints, rows: Bools, *, per_host: bool) -> float:
    """More domains, less weight of each pod's difference (upstream's topologyNormalizingWeight)."""
    size = int(rows.sum()) if per_host else len(np.unique(codes[rows]))
    return math.log(size + 2)


def _normalize(scores: Floats, ignored: Bools) -> Ints:
    """The fewest pods get 100; nodes without the labels 0."""
    whole = np.rint(scores).astype(np.int64)
    counted = whole[~ignored]
    if not len(counted):
        return np.zeros(len(scores), dtype=np.int64)
    low, high = int(counted.min()), int(counted.max())
    result = (
        np.full(len(scores), MAX_SCORE, dtype=np.int64)
        if high == 0
        else MAX_SCORE * (high + low - whole) // high
    )
    result[ignored] = 0
    return result
