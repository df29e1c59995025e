"""The arrays follow nodes, pods and namespaces that come, change and go."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.state import pod_info
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.decision_lab import Lab


def test_a_node_that_comes_back_still_has_its_pods() -> None:
    lab = Lab(view_node("n", cpu="2"))
    lab.place(view_pod("first", cpu="2"))
    lab.state.remove_node("n")
    lab.state.set_node(view_node("n", cpu="2"))
    assert lab.schedule_pod(view_pod("second", cpu="1")).node == ""


@settings(max_examples=60, deadline=None)
@given(
    capacities=st.lists(st.integers(0, 8), min_size=1, max_size=40),
    asked=st.lists(st.integers(1, 3), min_size=1, max_size=30),
    removed=st.sets(st.integers(0, 29)),
)
def test_the_arrays_agree_with_a_plain_count(
    capacities: list[int], asked: list[int], removed: set[int]
) -> None:
    """Whatever comes and goes: a node takes a pod exactly when its plain sum has room."""
    lab = Lab(*(view_node(f"n{i}", cpu=str(cpu)) for i, cpu in enumerate(capacities)))
    used = [0] * len(capacities)
    placed: dict[str, tuple[int, int]] = {}
    for number, cpu in enumerate(asked):
        decision = lab.schedule_pod(view_pod(f"p{number}", cpu=str(cpu)))
        fits = [slot for slot, capacity in enumerate(capacities) if capacity - used[slot] >= cpu]
        assert decision.filtered.feasible.sum() == len(fits)
        if decision.node:
            slot = int(decision.node[1:])
            assert slot in fits
            lab.state.add_pod(pod_info.build_pod_info(view_pod(f"p{number}", cpu=str(cpu))), decision.node)
            used[slot] += cpu
            placed[f"p{number}"] = (slot, cpu)
        if number in removed and placed:
            uid, (freed_slot, freed) = placed.popitem()
            lab.state.remove_pod(uid)
            used[freed_slot] -= freed


def test_counts_follow_the_labels_of_namespaces() -> None:
    """Terms with a namespaceSelector speak of other pods when a namespace's labels change."""
    lab = Lab(view_node("a"), view_node("b"))
    near = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "db"}},
        "namespaceSelector": {"matchLabels": {"team": "red"}},
    }

    def wants(kind: str) -> Pod:
        return view_pod("wants", affinity={kind: {"requiredDuringSchedulingIgnoredDuringExecution": [near]}})

    lab.state.add_pod(pod_info.build_pod_info(view_pod("db", labels={"app": "db"})), "a")
    assert not lab.schedule_pod(wants("podAffinity")).node
    lab.state.set_namespace_labels("ns", {"team": "red"})
    assert lab.schedule_pod(wants("podAffinity")).node == "a"
    assert lab.schedule_pod(wants("podAntiAffinity")).node == "b"
    lab.state.remove_pod("db")
    lab.state.add_pod(pod_info.build_pod_info(view_pod("db", labels={"app": "db"})), "b")
    assert lab.schedule_pod(wants("podAffinity")).node == "b"
    lab.state.set_namespace_labels("ns", {})
    assert not lab.schedule_pod(wants("podAffinity")).node
    assert lab.schedule_pod(wants("podAntiAffinity")).filtered.feasible.sum() == 2


def test_a_copy_with_fewer_requests_leaves_the_state_as_it_is() -> None:
    lab = Lab(view_node("n", cpu="2"))
    user = view_pod("user", cpu="2")
    user.spec.containers[0].resources.requests["example.com/gpu"] = "1"
    lab.state.add_pod(pod_info.build_pod_info(user), "n")
    gpus = lab.state.get_extended_resource("example.com/gpu")
    copy = lab.state.copy_without_requests(lab.state.requested.copy(), ["example.com/gpu"])
    assert not copy.requested.any()
    assert not copy.get_extended_resource("example.com/gpu").requested.any()
    assert copy.get_extended_resource("example.com/gpu").allocatable is gpus.allocatable
    assert lab.state.requested[0, pod_info.CPU] == 2000
    assert lab.state.get_extended_resource("example.com/gpu").requested[0] == 1
