"""NodeAffinity: nodeSelector, required and preferred node affinity."""

import numpy as np

from kprov.kube.api.core import NodeSelectorRequirement, NodeSelectorTerm
from kprov.kube.component_helpers.node_affinity import requirement_matches
from kprov.kube.scheduler.framework import ClusterEvent, Cycle, Plugin, normalize
from kprov.kube.scheduler.node_table import Bools, Ints, NodeTable
from kprov.kube.scheduler.pod_info import PodInfo


class NodeAffinity(Plugin):
    name = "NodeAffinity"
    weight = 2
    requeue_on = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_UPDATE})

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        matching = required_rows(cycle.table, cycle.pod)
        return [] if matching is None else [("node(s) didn't match Pod's node affinity/selector", ~matching)]

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        affinity = cycle.pod.pod.spec.affinity
        preferred = (
            affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
            if affinity and affinity.node_affinity
            else []
        )
        if not preferred:
            return None
        total = np.zeros(cycle.table.size, dtype=np.int64)
        for entry in preferred:
            term = entry.preference
            if term.match_expressions or term.match_fields:
                total += entry.weight * term_rows(cycle.table, term)
        return normalize(total[rows])


def required_rows(table: NodeTable, info: PodInfo) -> Bools | None:
    """Rows that nodeSelector and required affinity allow; None when the pod asks for nothing."""
    spec = info.pod.spec
    affinity = spec.affinity.node_affinity if spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if not spec.node_selector and required is None:
        return None
    matching = np.ones(table.size, dtype=np.bool_)
    for key, value in spec.node_selector.items():
        column = table.column(key)
        matching &= column.codes == column.values.get(value, len(column.values))
    if required is not None:
        some = np.zeros(table.size, dtype=np.bool_)
        for term in required.node_selector_terms:
            if term.match_expressions or term.match_fields:
                some |= term_rows(table, term)
        matching &= some
    return matching


def term_rows(table: NodeTable, term: NodeSelectorTerm) -> Bools:
    rows = np.ones(table.size, dtype=np.bool_)
    for entry in term.match_expressions:
        rows &= table.column(entry.key).where(lambda value, entry=entry: requirement_matches(entry, value))  # type: ignore[misc]
    for entry in term.match_fields:
        rows &= _field_rows(table, entry)
    return rows


def _field_rows(table: NodeTable, requirement: NodeSelectorRequirement) -> Bools:
    """metadata.name is the only field there is."""
    if requirement.key != "metadata.name":
        return np.full(table.size, requirement_matches(requirement, None), dtype=np.bool_)
    if requirement.operator == "In":
        rows = np.zeros(table.size, dtype=np.bool_)
        rows[[table.rows[name] for name in requirement.values if name in table.rows]] = True
        return rows
    return np.fromiter((requirement_matches(requirement, name) for name in table.names), dtype=np.bool_)
