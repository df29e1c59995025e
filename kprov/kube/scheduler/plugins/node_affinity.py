"""NodeAffinity: nodeSelector and node affinity, required as a filter and preferred as a score."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kprov.kube.api.core import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod
from kprov.kube.scheduler.framework import CycleState, Plugin, Scores, normalize_scores
from kprov.kube.scheduler.state import ClusterState, LabelColumn, Mask


class NodeAffinity(Plugin):
    name = "NodeAffinity"
    weight = 2

    def filter(self, cycle: CycleState) -> Iterator[tuple[str, Mask]]:
        matching = match_required_affinity(cycle.info.pod, cycle.state)
        if matching is not None:
            yield "node(s) didn't match Pod's node affinity/selector", ~matching

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        affinity = cycle.info.pod.spec.affinity
        terms = (
            affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
            if affinity and affinity.node_affinity
            else []
        )
        if not terms:
            return None
        scores = np.zeros(cycle.state.capacity, dtype=np.float64)
        for term in terms:
            scores += term.weight * _match_term(term.preference, cycle.state)
        return normalize_scores(scores, feasible)


def match_required_affinity(pod: Pod, state: ClusterState) -> Mask | None:
    """Slots that the pod's nodeSelector and required node affinity accept; None when it has neither."""
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
        mask = _match_selector(selector, state)
        matching = mask if matching is None else matching & mask
    return matching


def _match_selector(selector: NodeSelector, state: ClusterState) -> Mask:
    """Terms are alternatives."""
    mask = np.zeros(state.capacity, dtype=np.bool_)
    for term in selector.node_selector_terms:
        mask |= _match_term(term, state)
    return mask


def _match_term(term: NodeSelectorTerm, state: ClusterState) -> Mask:
    """Expressions of a term must all hold; a term without any matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return np.zeros(state.capacity, dtype=np.bool_)
    mask = np.ones(state.capacity, dtype=np.bool_)
    for requirement in term.match_expressions:
        mask &= _match_expression(requirement, state.get_label_column(requirement.key))
    for requirement in term.match_fields:
        mask &= _match_field(requirement, state)
    return mask


def _match_expression(requirement: NodeSelectorRequirement, column: LabelColumn) -> Mask:
    present = column.ids >= 0
    match requirement.operator:
        case "In":
            return column.match_values(requirement.values)
        case "NotIn":
            return ~column.match_values(requirement.values)
        case "Exists":
            result: Mask = present
            return result
        case "DoesNotExist":
            return ~present
        case "Gt":
            return _compare(column, requirement.values, lambda have, want: have > want)
        case "Lt":
            return _compare(column, requirement.values, lambda have, want: have < want)
    return np.zeros_like(present)


def _compare(column: LabelColumn, values: list[str], holds: Callable[[int, int], bool]) -> Mask:
    """Gt and Lt: both sides whole numbers, otherwise no match."""
    fitting = (
        [
            text
            for text in column.values
            if _parse_integer(text) is not None and holds(int(text), int(values[0]))
        ]
        if values and _parse_integer(values[0]) is not None
        else []
    )
    return column.match_values(fitting) if fitting else np.zeros(len(column.ids), dtype=np.bool_)


def _parse_integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _match_field(requirement: NodeSelectorRequirement, state: ClusterState) -> Mask:
    """MatchFields knows metadata.name only."""
    named = np.zeros(state.capacity, dtype=np.bool_)
    for name in requirement.values:
        slot = state.slot_of.get(name)
        if slot is not None:
            named[slot] = True
    return named if requirement.operator == "In" else ~named
