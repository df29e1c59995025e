"""TaintToleration: taints keep pods away that do not tolerate them; PreferNoSchedule only lowers scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kprov.kube.api.core import Taint, Toleration
from kprov.kube.component_helpers.taints import tolerates
from kprov.kube.scheduler.framework import CycleState, Plugin, Rejection, Scores, normalize_scores
from kprov.kube.scheduler.state import Mask, TaintSet


class TaintToleration(Plugin):
    name = "TaintToleration"

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
    """The first taint that keeps a pod with these tolerations away."""
    for key, value, effect in taints:
        if effect in ("NoSchedule", "NoExecute"):
            taint = Taint(key=key, value=value, effect=effect)
            if not any(tolerates(toleration, taint) for toleration in tolerations):
                return taint
    return None
