"""TaintToleration: taints keep pods away that do not tolerate them; PreferNoSchedule only lowers scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api.core import Node, Pod, Taint, Toleration
from kprov.kube.component_helpers.taints import NO_EXECUTE, NO_SCHEDULE, find_untolerated, tolerates
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.scores import Scores, normalize_scores
from kprov.kube.scheduler.state.cluster_state import TaintSet
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.pod_info import PodInfo


class TaintToleration(Plugin):
    name = "TaintToleration"

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_TAINT, _helps_node),
            EventRegistration(Resource.POD, Action.UPDATE_POD_TOLERATION, _is_pod_itself),
        )

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        tolerations = cycle.info.pod.spec.tolerations
        bad = [
            number
            for number, taints in enumerate(cycle.state.taint_sets)
            if find_untolerated_taint(taints, tolerations) is not None
        ]
        if bad:
            yield Rejection("node(s) had untolerated taint(s)", np.isin(cycle.state.taint_ids, bad))

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        tolerations = [
            t for t in cycle.info.pod.spec.tolerations if not t.effect or t.effect == "PreferNoSchedule"
        ]
        counts = [
            sum(
                effect == "PreferNoSchedule"
                and not any(tolerates(t, Taint(key=key, value=value, effect=effect)) for t in tolerations)
                for key, value, effect in taints
            )
            for taints in cycle.state.taint_sets
        ]
        if not any(counts):
            return None
        return normalize_scores(
            np.array(counts, dtype=np.float64)[cycle.state.taint_ids], feasible, reverse=True
        )


def find_untolerated_taint(taints: TaintSet, tolerations: list[Toleration]) -> Taint | None:
    """Return the first taint that these tolerations do not tolerate."""
    for key, value, effect in taints:
        if effect in ("NoSchedule", "NoExecute"):
            taint = Taint(key=key, value=value, effect=effect)
            if not any(tolerates(toleration, taint) for toleration in tolerations):
                return taint
    return None


def _helps_node(info: PodInfo, old: Node | None, new: Node) -> bool:
    return (old is None or not _is_tolerated(info, old)) and _is_tolerated(info, new)


def _is_tolerated(info: PodInfo, node: Node) -> bool:
    tolerations = info.pod.spec.tolerations
    return find_untolerated(node.spec.taints, tolerations, (NO_SCHEDULE, NO_EXECUTE)) is None


def _is_pod_itself(info: PodInfo, _: Pod, new: Pod) -> bool:
    return new.metadata.uid == info.pod.metadata.uid
