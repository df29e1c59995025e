"""The leader of two schedulers is killed or suspended between the choice of a node and the binding.

The next leader binds each pod once, and no binding of the old one comes after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.event_record import EventRecord, recording
from tests.apiserver.faulty_proxy import NO_FAULT, Fault, FaultRule, FaultyProxy, faulty_proxy
from tests.apiserver.overcommit.accounts import Accounts, reduce_node, reduce_pod
from tests.apiserver.overcommit.decisions import collect_decisions
from tests.apiserver.schedulers import start_candidate
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.supervised import SupervisedProgram

_LEASE: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler"
_PODS: Final = "/api/v1/namespaces/default/pods"
_NODES: Final = "/api/v1/nodes"
_SECONDS: Final = 90.0
#: They fill both nodes: a place that is lost, or taken twice, shows.
_COUNT: Final = 8
_NODE_CPU: Final = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scheduler with the proxy to which it talks."""

    program: SupervisedProgram
    proxy: FaultyProxy


@dataclass(frozen=True, slots=True)
class Bench:
    server: ApiServer
    candidates: list[Candidate]
    pods: EventRecord
    nodes: EventRecord

    def get_holder(self) -> str:
        answer = self.server.get(_LEASE)
        return str(answer.json["spec"].get("holderIdentity") or "") if answer.status == 200 else ""

    def find_leader(self) -> Candidate | None:
        holder = self.get_holder()
        leaders = (each for each in self.candidates if f" as {holder}" in each.program.log.read_text())
        return next(leaders, None) if holder else None

    def wait_for_next_leader(self, old: str) -> None:
        eventually(lambda: self.get_holder() not in {old, ""}, _SECONDS)

    def create_pods(self) -> None:
        container = {
            "name": "c",
            "image": "registry.k8s.io/pause:3.10",
            "resources": {"requests": {"cpu": "1"}},
        }
        for number in range(_COUNT):
            spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
            ok(self.server, "POST", _PODS, {"metadata": {"name": f"pod-{number}"}, "spec": spec})

    def count_bound(self) -> int:
        return sum(1 for pod in ok(self.server, "GET", _PODS)["items"] if pod["spec"].get("nodeName"))

    def check_bindings(self) -> None:
        """All pods are bound, each once, and the accounts of the nodes are right at each revision."""
        eventually(lambda: self.count_bound() == _COUNT, _SECONDS)
        self.pods.catch_up()
        self.nodes.catch_up()
        nodes: dict[str, set[str]] = {}
        for _, pod in self.pods.events.copy():
            if pod["node"]:
                nodes.setdefault(pod["metadata"]["uid"], set()).add(pod["node"])
        assert [len(found) for found in nodes.values()] == [1] * _COUNT
        logs = [each.program.log for each in self.candidates]
        decisions = collect_decisions(logs, self.pods.events, self.nodes.events)
        accounts = Accounts(decisions).replay(self.pods.events, self.nodes.events)
        assert (accounts.bindings, accounts.problems) == (_COUNT, [])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        _, server = stack.enter_context(running(tmp_path, "--disable-admission-plugins=ServiceAccount"))
        pods = stack.enter_context(recording(server, "/api/v1/pods", reduce_pod))
        nodes = stack.enter_context(recording(server, _NODES, reduce_node))
        for name in ("node-0", "node-1"):
            ok(server, "POST", _NODES, {"metadata": {"name": name}})
            size = {"cpu": str(_NODE_CPU), "memory": "8Gi", "pods": "16"}
            merge(server, f"{_NODES}/{name}/status", {"status": {"capacity": size, "allocatable": size}})
            merge(server, f"{_NODES}/{name}", {"spec": {"taints": None}})
        candidates = []
        for number in range(2):
            proxy = stack.enter_context(faulty_proxy(server))
            program = start_candidate(server, f"scheduler-{number}", proxy.url)
            stack.callback(program.stop)
            candidates.append(Candidate(program, proxy))
        yield Bench(server, candidates, pods, nodes)


def fail_bindings(fault: Fault) -> FaultRule:
    return lambda _, path: fault if path.endswith("/binding") else NO_FAULT


def test_a_binding_that_no_server_got_is_made_by_the_next_leader(bench: Bench) -> None:
    leader, holder = eventually(bench.find_leader, _SECONDS), bench.get_holder()
    leader.proxy.choose_fault = fail_bindings(Fault(503))
    bench.create_pods()
    # It has chosen nodes, and goes on trying to bind.
    eventually(lambda: leader.proxy.refused[503] >= _COUNT, _SECONDS)
    assert not bench.count_bound()
    leader.program.kill()
    bench.wait_for_next_leader(holder)
    leader.proxy.choose_fault = fail_bindings(NO_FAULT)
    bench.check_bindings()


def test_a_binding_without_an_answer_counts_for_the_next_leader(bench: Bench) -> None:
    leader, holder = eventually(bench.find_leader, _SECONDS), bench.get_holder()
    lost: list[str] = []

    def lose_half(_: str, path: str) -> Fault:
        if not path.endswith("/binding"):
            return NO_FAULT
        if path not in lost and len(lost) < _COUNT // 2:
            lost.append(path)
        return Fault(loses_answer=True) if path in lost else Fault(503)

    leader.proxy.choose_fault = lose_half
    bench.create_pods()
    eventually(lambda: leader.proxy.refused[503] and bench.count_bound() == _COUNT // 2, _SECONDS)
    leader.program.kill()
    bench.wait_for_next_leader(holder)
    leader.proxy.choose_fault = fail_bindings(NO_FAULT)
    bench.check_bindings()


def test_a_binding_on_its_way_changes_nothing_after_the_next_leader_has_bound(bench: Bench) -> None:
    leader, holder = eventually(bench.find_leader, _SECONDS), bench.get_holder()
    leader.proxy.choose_fault = fail_bindings(Fault(is_held=True))
    bench.create_pods()
    eventually(lambda: leader.proxy.held == _COUNT, _SECONDS)
    leader.program.kill()
    # The killed program starts again, and may lead again: only what it had sent before is held.
    leader.proxy.choose_fault = fail_bindings(NO_FAULT)
    bench.wait_for_next_leader(holder)
    eventually(lambda: bench.count_bound() == _COUNT, _SECONDS)
    leader.proxy.release_requests()
    eventually(lambda: leader.proxy.answered["binding", 409] == _COUNT, _SECONDS)
    bench.check_bindings()


def test_a_suspended_leader_binds_nothing_when_it_wakes_up(bench: Bench) -> None:
    leader, holder = eventually(bench.find_leader, _SECONDS), bench.get_holder()
    leader.proxy.choose_fault = fail_bindings(Fault(503))
    bench.create_pods()
    eventually(lambda: leader.proxy.refused[503] >= _COUNT, _SECONDS)
    number = leader.program.suspend()
    bench.wait_for_next_leader(holder)
    eventually(lambda: bench.count_bound() == _COUNT, _SECONDS)
    bindings: list[str] = []

    def record(method: str, path: str) -> Fault:
        if method != "GET" and "/leases" not in path:
            bindings.append(f"{method} {path}")
        return NO_FAULT

    leader.proxy.choose_fault = record
    leader.program.resume()
    eventually(lambda: leader.program.number != number, _SECONDS)
    assert not bindings
    bench.check_bindings()
