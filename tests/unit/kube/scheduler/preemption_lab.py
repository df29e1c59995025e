"""A cluster with preemption: nodes, pods and budgets in, a node and its victims out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from kprov.kube.api.core import Pod
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.scheduler.framework.plugin import CycleState, PostFilterResult
from kprov.kube.scheduler.framework.runtime.filters import run_filters
from kprov.kube.scheduler.plugins.default_preemption import DefaultPreemption
from kprov.kube.scheduler.preemption.budgets import build_budgets
from kprov.kube.scheduler.preemption.candidates import CandidateLimits, find_candidates
from kprov.kube.scheduler.state import pod_info
from kprov.kube.scheduler.state.nominator import Nominator
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def running(name: str, priority: int, *, cpu: str = "1", started: int = 0, **more: Any) -> Pod:
    """A pod with a start time in seconds."""
    made = view_pod(name, cpu=cpu, priority=priority, **more)
    made.status.start_time = f"2026-01-01T00:{started // 60:02}:{started % 60:02}Z"
    return made


def budget(allowed: int, labels: dict[str, str], disrupted: Sequence[str] = ()) -> PodDisruptionBudget:
    spec = {"selector": {"matchLabels": labels}}
    status = {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, "")}
    meta = {"name": "b", "namespace": "ns"}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status}, PodDisruptionBudget)


class Cluster(Lab):
    """Places pods where the test says."""

    def __init__(self, *nodes: Any, budgets: Sequence[PodDisruptionBudget] = ()) -> None:
        super().__init__(*nodes)
        self.nominator = Nominator()
        self.budgets = budgets

    def put(self, on: str, *pods: Pod) -> None:
        for each in pods:
            self.state.add_pod(pod_info.build_pod_info(each), on)

    def make_cycle(self, each: Pod) -> CycleState:
        info = pod_info.build_pod_info(each)
        return CycleState(info, self.state, nominator=self.nominator, profile=self.profile)

    def find_victims(self, preemptor: Pod) -> dict[str, list[str]]:
        """Names of the victims by node."""
        cycle = self.make_cycle(preemptor)
        filtered = run_filters(cycle)
        assert not filtered.feasible.any()
        found, _ = find_candidates(
            cycle,
            filtered.resolvable,
            build_budgets(self.budgets),
            CandidateLimits(),
            random.Random(1),
        )
        return {each.node: [info.pod.metadata.name for info in each.victims.pods] for each in found}

    def preempt(self, preemptor: Pod) -> PostFilterResult:
        cycle = self.make_cycle(preemptor)
        plugin = DefaultPreemption(lambda: self.budgets)
        return asyncio.run(plugin.post_filter(cycle, run_filters(cycle)))
