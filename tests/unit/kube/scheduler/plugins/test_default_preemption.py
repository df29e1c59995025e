"""When a pod may preempt others."""

from __future__ import annotations

import msgspec

from kprov.kube.scheduler.state import pod_info
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.preemption_lab import Cluster, running


def test_a_pod_with_the_policy_never_preempts_nobody() -> None:
    cluster = Cluster(view_node("n", cpu="1"))
    cluster.put("n", running("low", 0))
    result = cluster.preempt(view_pod("p", cpu="1", priority=9, preemptionPolicy="Never"))
    assert result.node is None
    assert result.message == "preemption: not eligible due to preemptionPolicy=Never."


def test_a_pod_waits_for_the_victims_it_has_chosen() -> None:
    cluster = Cluster(view_node("a", cpu="1"), view_node("b", cpu="1"))
    victim = running("victim", 0)
    cluster.put("a", victim)
    cluster.put("b", running("other", 0))
    preemptor = view_pod("p", cpu="1", priority=9)
    cluster.nominator.add(pod_info.build_pod_info(preemptor), "a")
    victim.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    assert cluster.preempt(preemptor).node in ("a", "b")  # it is terminating for another reason
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    victim.status = msgspec.convert({"conditions": [condition]}, type(victim.status))
    result = cluster.preempt(preemptor)
    assert result.node is None
    assert result.message == "preemption: not eligible due to a terminating pod on the nominated node."
