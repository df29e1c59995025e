"""A scheduler with a standby, behind proxies that lose answers: no binding ever overcommits a node.

A binding is judged by what the watches of its scheduler had delivered at its decision (decisions.py).

`KPROV_TEST_OVERCOMMIT_PODS` sets the number of pods, `KPROV_TEST_SEED` the random choices.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kprov.kube.client import RestClient
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.event_record import recording
from tests.apiserver.faulty_proxy import NO_FAULT, Fault, FaultRule, FaultyProxy, faulty_proxy
from tests.apiserver.overcommit.accounts import Accounts, reduce_node, reduce_pod
from tests.apiserver.overcommit.decisions import collect_decisions
from tests.apiserver.overcommit.load import PRIORITIES, Load
from tests.apiserver.schedulers import start_candidate
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.supervised import SupervisedProgram

_COUNT: Final = int(os.environ.get("KPROV_TEST_OVERCOMMIT_PODS", "100"))
_SEED: Final = int(os.environ.get("KPROV_TEST_SEED", "1"))
_NODES: Final = 12
_CLASSES: Final = "/apis/scheduling.k8s.io/v1/priorityclasses"
_LEASE: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler"
_START_SECONDS: Final = 60.0
#: Between two changes of the leader. A scheduler needs a part of that to begin.
_LEADER_SECONDS: Final = 12.0 if _COUNT < 1000 else 45.0
_WATCH_SECONDS: Final = 4.0


def fail_some(points: random.Random) -> FaultRule:
    """Lose answers of bindings, and answer some after the server's timeout."""

    def choose(method: str, path: str) -> Fault:
        if method == "GET" or "/leases" in path:
            return NO_FAULT
        number = points.random()
        if path.endswith("/binding"):
            if number < 0.03:
                return Fault(loses_answer=True)
            if number < 0.05:
                return Fault(504)
            return Fault(delay=0.5) if number < 0.1 else NO_FAULT
        return Fault(500) if number < 0.02 else NO_FAULT

    return choose


class Disturber:
    """Disturbs watches and changes the leader in a thread of its own."""

    def __init__(
        self, server: ApiServer, schedulers: list[SupervisedProgram], proxies: list[FaultyProxy]
    ) -> None:
        self._server = server
        self._schedulers = schedulers
        self._proxies = proxies
        self._random = random.Random(_SEED)
        self._stopping = threading.Event()
        self.changes = 0

    def find_leader(self) -> SupervisedProgram | None:
        answer = self._server.get(_LEASE)
        holder = answer.json["spec"].get("holderIdentity") if answer.status == 200 else ""
        if not holder:
            return None
        text = f" as {holder}"
        return next((each for each in self._schedulers if text in each.log.read_text()), None)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=work) for work in (self._disturb_watches, self._change_leaders)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(60)

    def _disturb_watches(self) -> None:
        while not self._stopping.wait(self._random.uniform(0, _WATCH_SECONDS)):
            proxy = self._random.choice(self._proxies)
            match self._random.randrange(3):
                case 0:
                    proxy.drop_watches()
                case 1:
                    proxy.expire_watches()
                case _:
                    proxy.hold_watches()
                    self._stopping.wait(1)
                    proxy.release_watches()

    def _change_leaders(self) -> None:
        while not self._stopping.wait(_LEADER_SECONDS):
            leader = self.find_leader()
            if leader is None:
                continue
            self.changes += 1
            if self.changes % 2:
                leader.kill()
                continue
            leader.suspend()
            # Longer than the lease: the standby works when it wakes up.
            self._stopping.wait(10)
            leader.resume()


async def apply_load(server: ApiServer, load: Load, client: RestClient) -> None:
    async with client:
        await load.run()


def test_no_node_is_ever_overcommitted(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        _, server = stack.enter_context(running(tmp_path, "--disable-admission-plugins=ServiceAccount"))
        for name, value in PRIORITIES.items():
            ok(server, "POST", _CLASSES, {"metadata": {"name": name}, "value": value})
        proxies = [stack.enter_context(faulty_proxy(server)) for _ in range(2)]
        schedulers = []
        for number, proxy in enumerate(proxies):
            schedulers.append(start_candidate(server, f"scheduler-{number}", proxy.url))
            stack.callback(schedulers[-1].stop)
        disturber = Disturber(server, schedulers, proxies)
        eventually(disturber.find_leader, _START_SECONDS)
        for proxy in proxies:
            proxy.choose_fault = fail_some(random.Random(_SEED))
        pods = stack.enter_context(recording(server, "/api/v1/pods", reduce_pod))
        nodes = stack.enter_context(recording(server, "/api/v1/nodes", reduce_node))
        with disturber.running():
            client = RestClient.from_kubeconfig(str(kubeconfig(server)), user_agent="load", qps=0)
            load = Load(client, pods, count=_COUNT, node_count=_NODES, seed=_SEED)
            asyncio.run(apply_load(server, load, client))
        pods.catch_up()
        nodes.catch_up()
        logs = [each.log for each in schedulers]
        decisions = collect_decisions(logs, pods.events, nodes.events)
        accounts = Accounts(decisions).replay(pods.events, nodes.events)
        lost = sum(proxy.lost_answers for proxy in proxies)
        print(  # noqa: T201  the long run shows what it has tested
            f"{accounts.bindings} bindings of {load.created} pods, {lost} answers lost, "
            f"{disturber.changes} changes of the leader, {load.node_changes} of nodes, "
            f"{len(decisions)} decisions, {accounts.crossed} of them met by a change of the node that no watch had "
            f"delivered (by {accounts.lateness:.1f} s at most), at most {accounts.slowest:.1f} s from a decision to "
            f"its binding, at most {accounts.peak:.0%} of a node's CPU requested"
        )
        assert accounts.bindings > load.created // 2
        assert not accounts.problems, "\n".join(accounts.problems)
