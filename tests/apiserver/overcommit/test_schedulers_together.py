"""Several schedulers that work at the same time, by intention or by mistake, and nodes that shrink."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

import pytest

from kprov.kube.client import RestClient
from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.event_record import recording
from tests.apiserver.overcommit.accounts import Accounts, reduce_node, reduce_pod
from tests.apiserver.overcommit.decisions import collect_decisions
from tests.apiserver.overcommit.load import PRIORITIES, Load
from tests.apiserver.schedulers import LOG_DECISIONS, scheduler
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.workloads.jobs import find_condition

_PODS: Final = "/api/v1/namespaces/default/pods"
_NODES: Final = "/api/v1/nodes"
_CLASSES: Final = "/apis/scheduling.k8s.io/v1/priorityclasses"
_SECONDS: Final = 60.0
_COUNT: Final = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("together")
    with running(folder, "--disable-admission-plugins=ServiceAccount") as (_, server):
        for name, value in PRIORITIES.items():
            ok(server, "POST", _CLASSES, {"metadata": {"name": name}, "value": value})
        yield server


@contextlib.contextmanager
def schedulers(server: ApiServer, *names: str) -> Iterator[None]:
    """Run schedulers without leader election. names: the schedulerName of each."""
    with contextlib.ExitStack() as stack:
        for number, name in enumerate(names):
            profiles = [{"schedulerName": name}]
            program = scheduler(server, name=f"{name}-{number}", profiles=profiles, flags=(LOG_DECISIONS,))
            stack.enter_context(program)
        yield


def create_node(server: ApiServer, name: str, cpu: str) -> None:
    ok(server, "POST", _NODES, {"metadata": {"name": name}})
    resize_node(server, name, cpu)
    merge(server, f"{_NODES}/{name}", {"spec": {"taints": None}})


def resize_node(server: ApiServer, name: str, cpu: str) -> None:
    size = {"cpu": cpu, "memory": "8Gi", "pods": "16"}
    ready = [{"type": "Ready", "status": "True"}]
    status = {"capacity": size, "allocatable": size, "conditions": ready}
    merge(server, f"{_NODES}/{name}/status", {"status": status})


def create_pods(server: ApiServer, owner: str, cpu: str, count: int) -> list[str]:
    """Pods of a scheduler. Returns their names."""
    names = [f"{owner}-{number}" for number in range(count)]
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": {"cpu": cpu}}}
    for name in names:
        spec = {"schedulerName": owner, "containers": [container], "terminationGracePeriodSeconds": 0}
        ok(server, "POST", _PODS, {"metadata": {"name": name}, "spec": spec})
    return names


def list_bound(server: ApiServer, owner: str) -> list[JsonObject]:
    """The pods of a scheduler that have a node."""
    items = ok(server, "GET", f"{_PODS}?fieldSelector=spec.schedulerName={owner}")["items"]
    return [pod for pod in items if pod["spec"].get("nodeName")]


def wait_for_bound(server: ApiServer, owner: str, count: int) -> list[JsonObject]:
    eventually(lambda: len(list_bound(server, owner)) == count, _SECONDS)
    return list_bound(server, owner)


def wait_for_message(server: ApiServer, pod: str, text: str) -> None:
    """Wait until the scheduler has said why the pod fits nowhere."""

    def is_reported() -> bool:
        condition = find_condition(ok(server, "GET", f"{_PODS}/{pod}")["status"], "PodScheduled")
        return condition is not None and text in condition.get("message", "")

    eventually(is_reported, _SECONDS)


def remove_all(server: ApiServer) -> None:
    def are_gone() -> bool:
        return not any(ok(server, "GET", path)["items"] for path in (_PODS, _NODES))

    for path in (_PODS, _NODES):
        ok(server, "DELETE", path, {"gracePeriodSeconds": 0})
    eventually(are_gone, _SECONDS)


def test_a_scheduler_counts_the_pods_of_another_one_and_nodes_that_shrink(server: ApiServer) -> None:
    with schedulers(server, "one", "two"):
        for name in ("node-0", "node-1"):
            create_node(server, name, "4")
        create_pods(server, "one", "2", 4)
        first = wait_for_bound(server, "one", 4)
        names = create_pods(server, "two", "1", 3)
        for name in names:
            wait_for_message(server, name, "0/2 nodes are available: 2 Insufficient cpu.")
        # What remains on the smaller node is more than its size, also without one of its pods.
        resize_node(server, "node-0", "1")
        for node in ("node-0", "node-1"):
            gone = next(pod["metadata"]["name"] for pod in first if pod["spec"]["nodeName"] == node)
            ok(server, "DELETE", f"{_PODS}/{gone}", {"gracePeriodSeconds": 0})
        second = wait_for_bound(server, "two", 2)
        assert {pod["spec"]["nodeName"] for pod in second} == {"node-1"}
        bound = {pod["metadata"]["name"] for pod in second}
        (waiting,) = (name for name in names if name not in bound)
        assert not ok(server, "GET", f"{_PODS}/{waiting}")["spec"].get("nodeName")
        resize_node(server, "node-0", "3")
        (last,) = (pod for pod in wait_for_bound(server, "two", 3) if pod["metadata"]["name"] == waiting)
        assert last["spec"]["nodeName"] == "node-0"
    remove_all(server)


def test_a_node_is_overcommitted_at_most_by_what_another_scheduler_has_just_bound(server: ApiServer) -> None:
    """No scheduler can know of a binding before its event arrives: upstream's overcommit then, too.

    Two of the three have the same name, as by mistake, and try the same pods.
    """

    def reduce(pod: JsonObject) -> JsonObject:
        # Only our own log tells which of two schedulers with the same name has bound a pod.
        reduced = reduce_pod(pod)
        is_known = reduced["scheduler"] == "one"
        return reduced if is_known else reduced | {"scheduler": pod["metadata"]["uid"]}

    async def apply_load() -> None:
        async with RestClient.from_kubeconfig(str(kubeconfig(server)), user_agent="load", qps=0) as client:
            load = Load(client, pods, count=_COUNT, node_count=4, seed=1, schedulers=("one", "two"))
            await load.run()

    with (
        recording(server, "/api/v1/pods", reduce) as pods,
        recording(server, "/api/v1/nodes", reduce_node) as nodes,
        schedulers(server, "one", "two", "two"),
    ):
        asyncio.run(apply_load())
        pods.catch_up()
        nodes.catch_up()
    decisions = collect_decisions([server.folder / "scheduler.log"], pods.events, nodes.events)
    accounts = Accounts(decisions).replay(pods.events, nodes.events)
    placed: dict[str, set[str]] = {}
    for _, pod in pods.events:
        placed.setdefault(pod["metadata"]["uid"], set()).update([pod["node"]] if pod["node"] else [])
    assert all(len(found) <= 1 for found in placed.values())
    assert accounts.bindings > _COUNT // 2
    assert not accounts.problems
    remove_all(server)
