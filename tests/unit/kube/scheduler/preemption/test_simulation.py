"""Victims by requests only are those that filters on the changed state find."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.preemption.victims import select_victims
from kprov.kube.scheduler.state import pod_info
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod
from tests.unit.kube.scheduler.preemption_lab import Cluster, running

_GPU = "example.com/gpu"
_AMOUNTS = st.tuples(st.integers(0, 3), st.integers(0, 2))


def make(name: str, priority: int, cpu: int, gpus: int, started: int = 0) -> Pod:
    requests = {"cpu": str(cpu), _GPU: str(gpus)} if gpus else {"cpu": str(cpu)}
    containers = [{"name": "c", "image": "i", "resources": {"requests": requests, "limits": requests}}]
    return running(name, priority, started=started, containers=containers)


@settings(deadline=None)
@given(
    existing=st.lists(st.tuples(_AMOUNTS, st.integers(0, 4)), max_size=6),
    rivals=st.lists(_AMOUNTS, max_size=2),
    wanted=_AMOUNTS,
)
def test_both_simulations_choose_the_same_victims(
    existing: list[tuple[tuple[int, int], int]], rivals: list[tuple[int, int]], wanted: tuple[int, int]
) -> None:
    one = view_node("n", cpu="6")
    one.status.allocatable[_GPU] = "3"
    cluster = Cluster(one)
    for number, ((cpu, gpus), priority) in enumerate(existing):
        cluster.put("n", make(f"p{number}", priority, cpu, gpus, started=number))
    for number, (cpu, gpus) in enumerate(rivals):
        cluster.nominator.add(pod_info.build_pod_info(make(f"r{number}", 3, cpu, gpus)), "n")
    cycle = cluster.make_cycle(make("new", 3, *wanted))
    before = cluster.state.requested.copy()
    plugins = [plugin for plugin in cycle.filters if plugin.uses_requests_only]
    demands = [demand for plugin in plugins for demand in plugin.list_demands(cycle)]
    by_requests = select_victims(cycle, 0, plugins, (), demands)
    by_filters = select_victims(cycle, 0, plugins, ())
    assert by_requests == by_filters
    assert (cluster.state.requested == before).all()


def test_nominated_pods_are_a_reason() -> None:
    cluster = Cluster(view_node("n", cpu="2"))
    cluster.put("n", running("low", 0, cpu="1"))
    cluster.nominator.add(pod_info.build_pod_info(view_pod("other", cpu="2", priority=2)), "n")
    cycle = cluster.make_cycle(view_pod("new", cpu="1", priority=1))
    plugins = [plugin for plugin in cycle.filters if plugin.uses_requests_only]
    demands = [demand for plugin in plugins for demand in plugin.list_demands(cycle)]
    assert select_victims(cycle, 0, plugins, (), demands) == ["Insufficient cpu"]
    assert select_victims(cycle, 0, plugins, ()) == ["Insufficient cpu"]
