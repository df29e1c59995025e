"""Runs filters over all nodes or one, and counts pods that are nominated for nodes.

Source: upstream's findNodesThatFitPod and RunFilterPluginsWithNominatedPods.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.framework.diagnosis import Diagnosis
from kprov.kube.scheduler.framework.plugin import CycleState, FilterResult, Plugin, PluginError
from kprov.kube.scheduler.framework.runtime.nominated_pods import assume_pods, list_rivals, read_only_requests
from kprov.kube.scheduler.framework.status import Code, Status
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask

_Found = TypeVar("_Found")


def find_feasible_nodes(cycle: CycleState) -> FilterResult:
    """Return the slots that all filters accept, with and without the nominated pods that come first.

    Nominated pods of this or a higher priority come first.

    A pod that is nominated for a node gets this node if it fits there.
    """
    result = run_filters(cycle)
    if not cycle.nominator or not result.feasible.any():
        return result
    own = cycle.state.slot_of.get(cycle.nominator.get_node(cycle.info.pod.metadata.uid))
    if own is not None and result.feasible[own]:
        only = select_slots(cycle.state, [own])
        checked = _filter_with_rivals(cycle, only)
        if checked is None or checked.feasible[own]:
            return FilterResult(only, result.diagnosis, result.resolvable)
    checked = _filter_with_rivals(cycle, result.feasible)
    if checked is None:
        return result
    _add_reasons(checked.diagnosis, result.diagnosis)
    return FilterResult(checked.feasible, checked.diagnosis, result.resolvable | checked.resolvable)


def run_filters(cycle: CycleState) -> FilterResult:
    """Run PreFilter, then Filter for all nodes. A node counts for the first plugin that rejects it."""
    start = time.perf_counter()
    rejection = _run_pre_filters(cycle)
    filtering = _record_point(cycle, "PreFilter", rejection, start)
    if rejection is not None:
        pending = frozenset({rejection.plugin}) if rejection.code is Code.PENDING else frozenset()
        diagnosis = Diagnosis(
            cycle.state.node_count, {}, frozenset({rejection.plugin}), pending, rejection.message
        )
        nothing = np.zeros_like(cycle.state.alive)
        can_resolve = rejection.code is Code.UNSCHEDULABLE
        return FilterResult(nothing, diagnosis, cycle.state.alive.copy() if can_resolve else nothing)
    if cycle.selected is None:
        result = filter_slots(cycle.filters, cycle, cycle.state.alive)
    else:
        result = filter_slots(cycle.filters, cycle, cycle.selected)
        _explain_selection(cycle, cycle.selected, result.diagnosis)
    _record_point(cycle, "Filter", None, filtering)
    return result


def _explain_selection(cycle: CycleState, selected: Mask, diagnosis: Diagnosis) -> None:
    """Give the nodes that were not selected a reason."""
    count = cycle.state.node_count - int(np.count_nonzero(selected))
    diagnosis.plugins |= cycle.selecting
    if count:
        diagnosis.reasons[f"node(s) didn't satisfy plugin(s) [{' '.join(sorted(cycle.selecting))}]"] = count


def _record_point(cycle: CycleState, point: str, status: Status | None, start: float) -> float:
    """Record how long an extension point took. Return the current time."""
    now = time.perf_counter()
    code = Code.SUCCESS if status is None else status.code
    metrics.record_extension_point(point, code.value, cycle.profile.name, now - start)
    return now


def _run_pre_filters(cycle: CycleState) -> Status | None:
    """Return the rejection of a plugin, None without one. Raise PluginError if a plugin fails.

    After a rejection that preemption may resolve, the other plugins still run: preemption needs their data.
    """
    rejection: Status | None = None
    for plugin in cycle.profile.pre_filters:
        metrics.record_evaluation(plugin.name, "PreFilter", cycle.profile.name)
        status = plugin.pre_filter(cycle)
        if status is None or status.is_success:
            continue
        if status.code is Code.SKIP:
            cycle.skipped.add(plugin.name)
        elif not status.is_rejected:
            raise PluginError(f'running PreFilter plugin "{plugin.name}": {status.message}')
        elif status.code is Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
            return replace(status, plugin=plugin.name)
        else:
            rejection = replace(status, plugin=plugin.name)
    return rejection


def filter_slots(plugins: Iterable[Plugin], cycle: CycleState, among: Mask) -> FilterResult:
    """Filter some of the slots."""
    feasible = among.copy()
    resolvable = np.zeros_like(feasible)
    reasons: dict[str, int] = {}
    refusing: set[str] = set()
    for plugin in plugins:
        start = time.perf_counter() if cycle.is_sampled else 0.0
        metrics.record_evaluation(plugin.name, "Filter", cycle.profile.name)
        rejected = _run_filter(plugin, cycle, feasible, reasons, resolvable)
        if start:
            code = Code.SUCCESS if rejected is None else Code.UNSCHEDULABLE
            metrics.record_plugin(plugin.name, "Filter", code.value, time.perf_counter() - start)
        if rejected is None:
            continue
        refusing.add(plugin.name)
        feasible &= ~rejected
        if not feasible.any():
            break
    diagnosis = Diagnosis(cycle.state.node_count, reasons, frozenset(refusing))
    return FilterResult(feasible, diagnosis, resolvable)


def _run_filter(
    plugin: Plugin, cycle: CycleState, among: Mask, reasons: dict[str, int], resolvable: Mask
) -> Mask | None:
    """Return the slots that the filter rejects, None if it rejects none.

    Add to `reasons` and `resolvable`.
    """
    rejected: Mask | None = None
    lasting: Mask | None = None
    for reason, slots, can_resolve in plugin.filter(cycle):
        hit = among & slots
        if rejected is not None and not plugin.reports_all_reasons:
            hit &= ~rejected
        count = int(np.count_nonzero(hit))
        if not count:
            continue
        reasons[reason] = reasons.get(reason, 0) + count
        if can_resolve is not True:
            lasting_hit = hit & ~np.asarray(can_resolve)
            lasting = lasting_hit if lasting is None else lasting | lasting_hit
        rejected = hit if rejected is None else rejected | hit
    if rejected is not None:
        resolvable |= rejected if lasting is None else rejected & ~lasting
    return rejected


def accepts_node(plugins: Sequence[Plugin], cycle: CycleState, slot: int) -> bool:
    """Whether all rules accept one node, with and without the nominated pods that come before this pod."""
    return _check_node(cycle, slot, lambda: _find_rejecting(plugins, cycle, slot)) is None


def list_reasons(plugins: Sequence[Plugin], cycle: CycleState, slot: int) -> list[str]:
    """Return why the first filter that rejects the node does so, [] if all accept it."""

    def explain() -> list[str] | None:
        plugin = _find_rejecting(plugins, cycle, slot)
        if plugin is None:
            return None
        reasons = [rejection.reason for rejection in plugin.filter(cycle) if rejection.slots[slot]]
        return reasons if plugin.reports_all_reasons else reasons[:1]

    return _check_node(cycle, slot, explain) or []


def _check_node(cycle: CycleState, slot: int, check: Callable[[], _Found | None]) -> _Found | None:
    """Return what the check returns with the nominated pods on the node, or else without them.

    None means that the node is accepted. As upstream, a node must be accepted in both cases: a nominated pod
    may take space, but its anti-affinity or affinity counts only once it is bound.
    """
    node = cycle.state.nodes[slot]
    assert node is not None
    rivals = list_rivals(cycle, [node.metadata.name]) if cycle.nominator else []
    if rivals:
        with assume_pods(cycle.state, rivals):
            answer = check()
        if answer is not None:
            return answer
    return check()


def _find_rejecting(plugins: Sequence[Plugin], cycle: CycleState, slot: int) -> Plugin | None:
    return next((plugin for plugin in plugins if not plugin.accepts_node(cycle, slot)), None)


def select_slots(state: ClusterState, slots: Iterable[int]) -> Mask:
    mask: Mask = np.zeros(state.capacity, dtype=np.bool_)
    mask[list(slots)] = True
    return mask


def _filter_with_rivals(cycle: CycleState, among: Mask) -> FilterResult | None:
    """Filter with the rivals on these slots in place. None if there are no rivals."""
    slot_of = cycle.state.slot_of
    nodes = [node for node in cycle.nominator.list_nodes() if node in slot_of and among[slot_of[node]]]
    rivals = list_rivals(cycle, nodes)
    if not rivals:
        return None
    with assume_pods(cycle.state, rivals, only_requests=read_only_requests(cycle, rivals)):
        return filter_slots(cycle.filters, cycle, among)


def _add_reasons(diagnosis: Diagnosis, other: Diagnosis) -> None:
    for reason, count in other.reasons.items():
        diagnosis.reasons[reason] = diagnosis.reasons.get(reason, 0) + count
    diagnosis.plugins |= other.plugins
