"""The check of one node agrees with the filter of all nodes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.plugin import CycleState
from kprov.kube.scheduler.state import pod_info
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


@settings(max_examples=100, deadline=None)
@given(
    pods=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0, 80, 81])), max_size=5),
    cpu=st.integers(1, 4),
    port=st.sampled_from([0, 80]),
)
def test_the_check_of_one_node_agrees_with_the_filter_of_all(
    pods: list[tuple[int, int]], cpu: int, port: int
) -> None:
    def make(name: str, cpu: int, port: int) -> Pod:
        return view_pod(name, cpu=str(cpu), ports=[{"containerPort": 1, "hostPort": port}] if port else [])

    lab = Lab(view_node("n", cpu="6", pods="4"))
    for number, (each_cpu, each_port) in enumerate(pods):
        lab.state.add_pod(pod_info.build_pod_info(make(f"p{number}", each_cpu, each_port)), "n")
    cycle = CycleState(pod_info.build_pod_info(make("new", cpu, port)), lab.state)
    slot = lab.state.slot_of["n"]
    for plugin in lab.profile.filters:
        rejected = any(rejection.slots[slot] for rejection in plugin.filter(cycle))
        assert plugin.accepts_node(cycle, slot) is not rejected, plugin.name
