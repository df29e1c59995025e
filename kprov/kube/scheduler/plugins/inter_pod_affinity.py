"""InterPodAffinity: pods near to or far from other pods, both ways."""

from collections.abc import Iterable, Iterator

import numpy as np

from kprov.kube.api.core import PodAffinityTerm
from kprov.kube.scheduler.framework import MAX_SCORE, ClusterEvent, Cycle, Plugin
from kprov.kube.scheduler.node_table import MISSING, Bools, Ints
from kprov.kube.scheduler.pod_info import Labels, PodInfo
from kprov.kube.scheduler.selection import matcher

# HardPodAffinityWeight: what a required affinity of an existing pod counts in scoring.
_HARD_WEIGHT = 1


class InterPodAffinity(Plugin):
    name = "InterPodAffinity"
    weight = 2
    requeue_on = frozenset(ClusterEvent)

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        pod = cycle.pod
        failed = []
        if pod.affinity_required:
            failed.append(("node(s) didn't match pod affinity rules", ~_near(cycle, pod.affinity_required)))
        if pod.anti_required:
            near_some = np.zeros(cycle.table.size, dtype=np.bool_)
            for term in pod.anti_required:
                near_some |= _domain_counts(cycle, term, _counts(cycle, [term])) > 0
            failed.append(("node(s) didn't match pod anti-affinity rules", near_some))
        if cycle.table.with_affinity:
            failed.append(("node(s) didn't satisfy existing pods anti-affinity rules", _kept_away(cycle)))
        return failed

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        pod, table = cycle.pod, cycle.table
        total = np.zeros(table.size, dtype=np.int64)
        for sign, weighted in ((1, pod.affinity_preferred), (-1, pod.anti_preferred)):
            for entry in weighted:
                term = entry.pod_affinity_term
                total += sign * entry.weight * _domain_counts(cycle, term, _counts(cycle, [term]))
        for other, node_name in table.with_affinity.values():
            row = table.rows.get(node_name)
            if row is not None:
                for weight, term in _scored_terms(other):
                    if _selects(cycle, term, other, pod.namespace, pod.label_key):
                        total += weight * _same_domain(cycle, term, row)
        scores = total[rows]
        low, high = int(scores.min()), int(scores.max())
        if low == high:
            return None if not total.any() else np.zeros(len(rows), dtype=np.int64)
        return (MAX_SCORE * (scores - low) / (high - low)).astype(np.int64)


def _near(cycle: Cycle, terms: list[PodAffinityTerm]) -> Bools:
    """Rows in the domains, for every term, of some pod that all terms select; the first of its kind may start."""
    counts = _counts(cycle, terms)
    allowed = np.ones(cycle.table.size, dtype=np.bool_)
    labelled = np.ones(cycle.table.size, dtype=np.bool_)
    for term in terms:
        labelled &= cycle.table.column(term.topology_key).codes != MISSING
        allowed &= _domain_counts(cycle, term, counts) > 0
    pod = cycle.pod
    if not counts.any() and all(_selects(cycle, term, pod, pod.namespace, pod.label_key) for term in terms):
        return labelled
    return allowed & labelled


def _kept_away(cycle: Cycle) -> Bools:
    """Rows in a domain of an existing pod that does not want this one near."""
    pod, table = cycle.pod, cycle.table
    away = np.zeros(table.size, dtype=np.bool_)
    for other, node_name in table.with_affinity.values():
        row = table.rows.get(node_name)
        if row is not None:
            for term in other.anti_required:
                if _selects(cycle, term, other, pod.namespace, pod.label_key):
                    away |= _same_domain(cycle, term, row)
    return away


def _scored_terms(other: PodInfo) -> Iterator[tuple[int, PodAffinityTerm]]:
    for term in other.affinity_required:
        yield _HARD_WEIGHT, term
    for entry in other.affinity_preferred:
        yield entry.weight, entry.pod_affinity_term
    for entry in other.anti_preferred:
        yield -entry.weight, entry.pod_affinity_term


def _same_domain(cycle: Cycle, term: PodAffinityTerm, row: int) -> Bools:
    codes = cycle.table.column(term.topology_key).codes
    if codes[row] == MISSING:
        return np.zeros(cycle.table.size, dtype=np.bool_)
    same: Bools = codes == codes[row]
    return same


def _counts(cycle: Cycle, terms: Iterable[PodAffinityTerm]) -> Ints:
    """Pods that all terms of the incoming pod select, by row."""
    tests = [(term, matcher(term.label_selector)) for term in terms]

    def matching() -> Iterator[dict[int, int]]:
        for namespace, groups in cycle.table.groups.items():
            if all(_in_namespace(cycle, term, cycle.pod, namespace) for term, _ in tests):
                yield from (rows for labels, rows in groups.items() if all(test(labels) for _, test in tests))

    return cycle.table.counts(matching())


def _domain_counts(cycle: Cycle, term: PodAffinityTerm, counts: Ints) -> Ints:
    """Pods in each row's domain."""
    codes = cycle.table.column(term.topology_key).codes
    sums = np.zeros(int(codes.max(initial=MISSING)) + 2, dtype=np.int64)
    has = codes != MISSING
    np.add.at(sums, codes[has], counts[has])
    return sums[codes]


def _selects(cycle: Cycle, term: PodAffinityTerm, owner: PodInfo, namespace: str, labels: Labels) -> bool:
    return _in_namespace(cycle, term, owner, namespace) and matcher(term.label_selector)(labels)


def _in_namespace(cycle: Cycle, term: PodAffinityTerm, owner: PodInfo, namespace: str) -> bool:
    """The term's namespaces and those its selector takes; without both, the owner's own."""
    if not term.namespaces and term.namespace_selector is None:
        return namespace == owner.namespace
    if namespace in term.namespaces:
        return True
    if term.namespace_selector is None:
        return False
    labels = tuple(sorted(cycle.objects.namespace_labels(namespace).items()))
    return matcher(term.namespace_selector)(labels)
