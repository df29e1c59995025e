"""The clock of the controller managers and of the scheduler steps by an hour while they work.

Times of objects count by the clock as it is, as upstream. All that waits or leads counts by the monotonic clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.event_record import EventRecord, recording
from tests.apiserver.failover.managers import Pair, manager_pair
from tests.apiserver.failover.work import LostNode, Work, build_set
from tests.apiserver.fake_kubelet import fake_kubelet
from tests.apiserver.schedulers import PROGRAM, scheduler
from tests.apiserver.stepped_clock import SteppedClock
from tests.apiserver.workloads.jobs import build_job, find_condition

_HOUR: Final = 3600
_HALF_HOUR: Final = 1800
_NODES: Final = ("node-a", "node-b")
_SECONDS: Final = 60.0
#: Far more than the kubelet needs between two heartbeats, far less than a step.
_FLAGS: Final = (
    "--node-monitor-period=1s",
    "--node-monitor-grace-period=12s",
    "--node-eviction-rate=10",
    "--secondary-node-eviction-rate=10",
)


@dataclass
class Bench:
    """A cluster whose controllers and scheduler have stepped clocks."""

    pair: Pair
    #: Of the first manager, the second one, and the scheduler.
    clocks: list[SteppedClock]
    nodes: EventRecord
    work: Work
    _steps: int = field(default=0)

    def step_leader_to(self, seconds: int) -> None:
        """Step the clocks of the leader and of the scheduler, then let the leader look at all objects."""
        leader = self.pair.managers.index(self.pair.find_leader())
        for clock in (self.clocks[leader], self.clocks[2]):
            clock.step_to(seconds)
        self._steps += 1
        for plural in ("jobs", "cronjobs"):
            for each in self.work.list_all(plural):
                path = self.work.path(plural, each["metadata"]["name"])
                merge(self.work.server, path, {"metadata": {"labels": {"look": str(self._steps)}}})

    def check_progress(self) -> None:
        """A job runs, finishes and is deleted, and a deployment gets its pods."""
        name = f"new-{self._steps}"
        self.work.create("jobs", build_job(name, command="exit 0", completions=2, ttlSecondsAfterFinished=0))
        self.work.create("deployments", build_set(name, replicas=2))
        path = self.work.path("deployments", name)

        def is_available() -> bool:
            return bool(ok(self.work.server, "GET", path)["status"].get("availableReplicas") == 2)

        eventually(is_available, _SECONDS)
        eventually(lambda: not self.work.exists("jobs", name), _SECONDS)

    def find_failure(self, job: str) -> str:
        """The reason why a job has failed. "": it has not."""
        condition = find_condition(self.work.get("jobs", job)["status"], "Failed")
        return str(condition["reason"]) if condition else ""

    def list_scheduled_jobs(self) -> list[JsonObject]:
        return self.work.list_owned("jobs", "scheduled")

    def check_nodes(self) -> None:
        """No node that reports was ever marked as lost."""
        self.nodes.catch_up()
        assert self.nodes.events
        for kind, node in self.nodes.events.copy():
            name = node["metadata"]["name"]
            if name in _NODES:
                assert (kind, node["ready"], node["taints"]) == ("MODIFIED", "True", []), name


def reduce_node(node: JsonObject) -> JsonObject:
    ready = find_condition(node["status"], "Ready")
    return {
        "metadata": {name: node["metadata"][name] for name in ("name", "uid", "resourceVersion")},
        "ready": ready["status"] if ready else "",
        "taints": node["spec"].get("taints", []),
    }


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clocks = [SteppedClock(tmp_path / f"clock-{number}") for number in range(3)]
    launchers = [clock.command for clock in clocks[:2]]
    with contextlib.ExitStack() as stack:
        pair = stack.enter_context(manager_pair(tmp_path, *_FLAGS, launchers=launchers))
        certificate, key = pair.server.authority.issue("scheduler", "kube-scheduler", serves=True)
        # Without a certificate it makes one, and waits for openssl in a way that the library breaks.
        files = (f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}")
        stack.enter_context(scheduler(pair.server, program=[*clocks[2].command, *PROGRAM, *files]))
        stack.enter_context(fake_kubelet(pair.server, _NODES, binds=False))
        nodes = stack.enter_context(recording(pair.server, "/api/v1/nodes", reduce_node))
        ok(pair.server, "POST", "/api/v1/namespaces", {"metadata": {"name": "clock"}})
        work = Work(pair.server, "clock")
        eventually(lambda: work.exists("serviceaccounts", "default"), _SECONDS)
        yield Bench(pair, clocks, nodes, work)


def create_work_of_an_hour(work: Work) -> None:
    """Objects to which something happens in half an hour."""
    work.create("jobs", build_job("expiring", command="exit 0", ttlSecondsAfterFinished=_HALF_HOUR))
    work.create("jobs", build_job("limited", command="run", activeDeadlineSeconds=_HALF_HOUR))
    due = datetime.now(UTC) + timedelta(seconds=_HALF_HOUR)
    spec = {
        "schedule": f"{due.minute} {due.hour} * * *",
        "timeZone": "Etc/UTC",
        "jobTemplate": {"spec": build_job("scheduled", command="exit 0")["spec"]},
    }
    work.create("cronjobs", {"metadata": {"name": "scheduled"}, "spec": spec})
    eventually(lambda: find_condition(work.get("jobs", "expiring")["status"], "Complete"), _SECONDS)
    eventually(lambda: work.get("jobs", "limited")["status"].get("ready") == 1, _SECONDS)


def test_steps_of_the_clock_stop_no_work_and_lose_no_node(bench: Bench) -> None:
    holder, work = bench.pair.wait_for_new_holder(""), bench.work
    standby = bench.pair.get_other(bench.pair.find_leader())
    # By the clock of the standby the lease has expired all the time.
    bench.clocks[bench.pair.managers.index(standby)].step_to(_HOUR)
    lost = LostNode(bench.pair.server, "clock")
    lost.prepare()
    create_work_of_an_hour(work)

    bench.step_leader_to(-_HOUR)
    bench.check_progress()
    assert work.exists("jobs", "expiring")
    assert not bench.find_failure("limited")
    assert not bench.list_scheduled_jobs()

    bench.step_leader_to(_HOUR)
    eventually(lambda: bench.find_failure("limited") == "DeadlineExceeded", _SECONDS)
    eventually(lambda: not work.exists("jobs", "expiring"), _SECONDS)
    eventually(bench.list_scheduled_jobs, _SECONDS)
    bench.check_progress()

    for seconds in (0, _HOUR):
        # The clock passes the scheduled time a second time.
        bench.step_leader_to(seconds)
        bench.check_progress()
    assert len(bench.list_scheduled_jobs()) == 1
    # The node reported nothing since its creation.
    eventually(lost.is_done, _SECONDS)
    lost.check()
    assert bench.pair.get_holder() == holder

    bench.step_leader_to(0)
    bench.pair.find_leader().kill()
    bench.pair.wait_for_new_holder(holder)
    bench.check_progress()
    assert len(bench.list_scheduled_jobs()) == 1
    bench.check_nodes()
