"""DefaultPreemption: a pod that fits on no node may take the place of pods with lower priorities."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.component_helpers.pod_conditions import find_condition
from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.framework.plugin import CycleState, FilterResult, Plugin, PostFilterResult
from kprov.kube.scheduler.preemption.budgets import build_budgets
from kprov.kube.scheduler.preemption.candidates import Candidate, CandidateLimits, find_candidates
from kprov.kube.scheduler.preemption.eviction import REASON, Evictor
from kprov.kube.scheduler.preemption.selection import select_candidate
from kprov.kube.scheduler.preemption.victims import Victims, sort_by_importance
from kprov.kube.scheduler.state.columns import Mask

_NEVER = "not eligible due to preemptionPolicy=Never."
_WAITING = "not eligible due to a terminating pod on the nominated node."


class DefaultPreemption(Plugin):
    name = "DefaultPreemption"

    def __init__(
        self,
        list_budgets: Callable[[], Iterable[PodDisruptionBudget]],
        evictor: Evictor | None = None,
        limits: CandidateLimits | None = None,
        extenders: Extenders | None = None,
    ) -> None:
        """Create the plugin. Without an evictor it deletes nothing."""
        self._list_budgets = list_budgets
        self._evictor = evictor
        self._extenders = extenders or Extenders()
        self._limits = limits or CandidateLimits()
        self._rng = random.Random()  # noqa: S311  spreading preemptions, not secrets

    async def post_filter(self, cycle: CycleState, filtered: FilterResult) -> PostFilterResult:
        metrics.record_preemption_attempt()
        result = await self._preempt(cycle, filtered.resolvable)
        return replace(result, message=f"preemption: {result.message}") if result.message else result

    async def _preempt(self, cycle: CycleState, resolvable: Mask) -> PostFilterResult:
        reason = self._find_ineligibility(cycle, resolvable)
        if reason:
            return PostFilterResult(message=reason)
        candidates, diagnosis = find_candidates(
            cycle, resolvable, build_budgets(self._list_budgets()), self._limits, self._rng
        )
        if not candidates:
            return PostFilterResult("", diagnosis.message)
        if self._extenders:
            candidates = await self._ask_extenders(cycle, candidates)
            if not candidates:
                return PostFilterResult("", diagnosis.message)
        return self._take_node(cycle, select_candidate(candidates))

    async def _ask_extenders(self, cycle: CycleState, candidates: list[Candidate]) -> list[Candidate]:
        """Return the candidates that the extenders accept, with the victims that they choose."""
        infos = {info.pod.metadata.uid: info for candidate in candidates for info in candidate.victims.pods}
        victims = {
            candidate.node: ([info.pod for info in candidate.victims.pods], candidate.victims.violations)
            for candidate in candidates
        }
        answer = await self._extenders.preempt(cycle.info.pod, victims)
        return [
            Candidate(node, Victims(sort_by_importance([infos[uid] for uid in uids]), violations))
            for node, (uids, violations) in answer.items()
            if node in cycle.state.slot_of
        ]

    def _take_node(self, cycle: CycleState, candidate: Candidate) -> PostFilterResult:
        pods = [info.pod for info in candidate.victims.pods]
        victims = [pod for pod in pods if not pod.metadata.deletion_timestamp]
        evictor = self._evictor
        pod, node = cycle.info.pod, candidate.node
        lower = cycle.nominator.list_lower(node, cycle.info.priority)
        if evictor is None or not (victims or lower):
            return PostFilterResult(node)
        metrics.record_victims(len(pods))
        return PostFilterResult(node, work=lambda: evictor.preempt(pod, node, victims, lower))

    def _find_ineligibility(self, cycle: CycleState, resolvable: Mask) -> str:
        """Return why the pod may not preempt others now, "" if it may.

        It may not while victims that it has chosen before are terminating.
        """
        info, state = cycle.info, cycle.state
        if info.pod.spec.preemption_policy == "Never":
            return _NEVER
        slot = state.slot_of.get(cycle.nominator.get_node(info.pod.metadata.uid))
        if slot is None or not resolvable[slot]:
            return ""
        is_waiting = any(
            other.priority < info.priority and _is_terminating_victim(other.pod)
            for other in state.pods_on[slot].values()
        )
        return _WAITING if is_waiting else ""


def _is_terminating_victim(pod: Pod) -> bool:
    if not pod.metadata.deletion_timestamp:
        return False
    condition = find_condition(pod, "DisruptionTarget")
    return condition is not None and condition.status == "True" and condition.reason == REASON
