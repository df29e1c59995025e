"""Matches node selectors against all nodes at once (component-helpers/scheduling/corev1/nodeaffinity)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kprov.kube.api.core import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import LabelColumn, Mask


def match_selector(selector: NodeSelector, state: ClusterState) -> Mask:
    """Return the slots that one of the terms matches."""
    mask = np.zeros(state.capacity, dtype=np.bool_)
    for term in selector.node_selector_terms:
        mask |= match_term(term, state)
    return mask


def match_term(term: NodeSelectorTerm, state: ClusterState) -> Mask:
    """Return the slots that meet all requirements of a term. A term without any matches nothing."""
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
    """Match Gt and Lt: both sides must be whole numbers."""
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
    """Match a field. Only metadata.name is supported, as upstream."""
    named = np.zeros(state.capacity, dtype=np.bool_)
    for name in requirement.values:
        slot = state.slot_of.get(name)
        if slot is not None:
            named[slot] = True
    return named if requirement.operator == "In" else ~named
