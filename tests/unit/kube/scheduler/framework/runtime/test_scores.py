"""PreScore prepares the score of a plugin, or skips it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kprov.kube.scheduler.framework.plugin import CycleState, Plugin
from kprov.kube.scheduler.framework.scores import Scores
from kprov.kube.scheduler.framework.status import SKIP, Status
from kprov.kube.scheduler.state.columns import Mask
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


class Favourite(Plugin):
    """Prefers the node `b`, unless the pod is indifferent."""

    name = "Favourite"

    def pre_score(self, cycle: CycleState, feasible: Mask) -> Status | None:
        cycle.data[self.name] = cycle.state.slot_of["b"]
        return SKIP if "indifferent" in cycle.info.labels else None

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        assert "indifferent" not in cycle.info.labels
        scores: Scores = np.zeros(cycle.state.capacity)
        slot = cycle.data[self.name]
        assert isinstance(slot, int)
        scores[slot] = 100
        return scores


def test_pre_score_prepares_a_score_or_skips_it() -> None:
    lab = Lab(view_node("a"), view_node("b"))
    favourite = Favourite()
    lab.profile = replace(lab.profile, pre_scores=[favourite], scores=[*lab.profile.scores, (favourite, 100)])
    assert {lab.schedule_pod(view_pod()).node for _ in range(8)} == {"b"}
    nodes = {lab.schedule_pod(view_pod(labels={"indifferent": ""})).node for _ in range(40)}
    assert nodes == {"a", "b"}
