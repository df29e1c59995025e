"""The node whose victims matter least is chosen."""

from __future__ import annotations

import random

from kprov.kube.scheduler.framework.runtime.filters import run_filters
from kprov.kube.scheduler.preemption.candidates import CandidateLimits, find_candidates
from kprov.kube.scheduler.preemption.selection import select_candidate
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.preemption_lab import Cluster, running


def test_the_best_candidate_is_chosen_by_the_start_of_its_most_important_victims() -> None:
    cluster = Cluster(view_node("a", cpu="2"), view_node("b", cpu="2"))
    cluster.put("a", running("a1", 3, started=10), running("a2", 2, started=900))
    cluster.put("b", running("b1", 3, started=20), running("b2", 2, started=5))
    cycle = cluster.make_cycle(view_pod("p", cpu="2", priority=9))
    filtered = run_filters(cycle)
    found, _ = find_candidates(cycle, filtered.resolvable, [], CandidateLimits(), random.Random(1))
    assert select_candidate(found).node == "b"
