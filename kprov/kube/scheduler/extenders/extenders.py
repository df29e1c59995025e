"""All extenders of a scheduler, one after the other. Those that may fail come last, as upstream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from kprov.contract.scheduler.extenders import Extender
from kprov.kube.api.core import Node, Pod
from kprov.kube.scheduler.extenders.http_extender import ExtenderError, FilterAnswer, HttpExtender
from kprov.kube.scheduler.framework.plugin import CycleState, FilterResult
from kprov.kube.scheduler.framework.scores import MAX_SCORE, Scores
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask

log = logging.getLogger(__name__)

#: Stands for the extenders among the plugins that rejected a pod.
EXTENDER: Final = "Extender"
#: An extender's scores are 0 to 10.
_SCALE: Final = MAX_SCORE / 10


class Extenders:
    """Calls all extenders. Slots are looked up again after each answer, since the state changes meanwhile."""

    def __init__(self, configurations: Sequence[Extender] = ()) -> None:
        ordered = sorted(configurations, key=lambda configuration: configuration.ignorable)
        self._extenders = [HttpExtender(configuration) for configuration in ordered]

    def __bool__(self) -> bool:
        return bool(self._extenders)

    async def close(self) -> None:
        for extender in self._extenders:
            await extender.close()

    async def filter(self, cycle: CycleState, filtered: FilterResult) -> FilterResult:
        """Return the nodes that all extenders accept. Raise ExtenderError if a required one fails."""
        state, pod, diagnosis = cycle.state, cycle.info.pod, filtered.diagnosis
        nodes = list_nodes(state, filtered.feasible)
        resolvable = {node.metadata.name for node in list_nodes(state, filtered.resolvable)}
        for extender in self._list_interested(pod):
            if not extender.configuration.filter_verb or not nodes:
                continue
            try:
                answer = await extender.filter(pod, nodes)
            except ExtenderError as error:
                _check_ignorable(extender, error)
                continue
            if len(answer.nodes) < len(nodes):
                diagnosis.plugins |= {EXTENDER}
            resolvable |= answer.failed.keys() - answer.unresolvable.keys()
            _add_reasons(diagnosis.reasons, answer)
            kept = set(answer.nodes)
            nodes = [node for node in nodes if node.metadata.name in kept]
        feasible = _select_names(state, [node.metadata.name for node in nodes])
        return FilterResult(feasible, diagnosis, _select_names(state, resolvable))

    async def score(self, cycle: CycleState, feasible: Mask) -> Scores:
        """Return weighted scores by slot. An extender that fails adds none."""
        state, pod = cycle.state, cycle.info.pod
        nodes = list_nodes(state, feasible)
        extenders = [
            extender for extender in self._list_interested(pod) if extender.configuration.prioritize_verb
        ]
        answers = await asyncio.gather(
            *(extender.prioritize(pod, nodes) for extender in extenders), return_exceptions=True
        )
        totals: dict[str, float] = {}
        for extender, answer in zip(extenders, answers, strict=True):
            if isinstance(answer, ExtenderError):
                log.warning("prioritizing nodes for pod %s: %s", pod.key, answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                for name, score in answer.items():
                    totals[name] = totals.get(name, 0.0) + score * extender.configuration.weight * _SCALE
        scores = np.zeros(state.capacity, dtype=np.float64)
        for name, total in totals.items():
            slot = state.slot_of.get(name)
            if slot is not None:
                scores[slot] = total
        return scores

    async def preempt(
        self, pod: Pod, victims: Mapping[str, tuple[Sequence[Pod], int]]
    ) -> dict[str, tuple[list[str], int]]:
        """Return UIDs of victims and violated budgets, by the nodes that all extenders accept.

        Raise ExtenderError.
        """
        pods = {pod.metadata.uid: pod for node_victims, _ in victims.values() for pod in node_victims}
        current = dict(victims)
        for extender in self._list_interested(pod):
            if not extender.configuration.preempt_verb or not current:
                continue
            try:
                answer = await extender.preempt(pod, current)
                current = _read_victims(extender, answer, pods)
            except ExtenderError as error:
                _check_ignorable(extender, error)
        return {
            node: ([pod.metadata.uid for pod in node_victims], violations)
            for node, (node_victims, violations) in current.items()
        }

    async def bind(self, pod: Pod, node: str) -> bool:
        """Bind the pod. False: no extender does that. ExtenderError."""
        for extender in self._list_interested(pod):
            if not extender.configuration.bind_verb:
                continue
            try:
                await extender.bind(pod, node)
            except ExtenderError as error:
                _check_ignorable(extender, error)
                continue
            return True
        return False

    def _list_interested(self, pod: Pod) -> list[HttpExtender]:
        return [extender for extender in self._extenders if extender.is_interested_in(pod)]


def _check_ignorable(extender: HttpExtender, error: ExtenderError) -> None:
    if not extender.configuration.ignorable:
        raise error
    log.warning("extender %s is skipped: %s", extender.configuration.url_prefix, error)


def _add_reasons(reasons: dict[str, int], answer: FilterAnswer) -> None:
    for text in {**answer.failed, **answer.unresolvable}.values():
        reasons[text] = reasons.get(text, 0) + 1


def _read_victims(
    extender: HttpExtender, answer: Mapping[str, tuple[Sequence[str], int]], pods: Mapping[str, Pod]
) -> dict[str, tuple[Sequence[Pod], int]]:
    answers: dict[str, tuple[Sequence[Pod], int]] = {}
    for node, (uids, violations) in answer.items():
        missing = [uid for uid in uids if uid not in pods]
        if missing:
            url = extender.configuration.url_prefix
            text = f"extender: {url} claims to preempt pod (UID: {missing[0]}) on node: {node}"
            raise ExtenderError(f"{text}, but the pod is not found on that node")
        if uids:
            answers[node] = [pods[uid] for uid in uids], violations
        elif not extender.configuration.ignorable:
            raise ExtenderError(f'expected at least one victim pod on node "{node}"')
    return answers


def list_nodes(state: ClusterState, slots: Mask) -> list[Node]:
    """Return the nodes of these slots."""
    nodes = (state.nodes[int(slot)] for slot in np.flatnonzero(slots))
    return [node for node in nodes if node is not None]


def _select_names(state: ClusterState, names: Sequence[str] | set[str]) -> Mask:
    mask: Mask = np.zeros(state.capacity, dtype=np.bool_)
    for name in names:
        slot = state.slot_of.get(name)
        if slot is not None:
            mask[slot] = True
    return mask
