"""Who leads, and what happens to those who did."""

import asyncio
import contextlib
from typing import Any

import pytest
from prometheus_client import REGISTRY

from kprov.kube.client import LeaderElector, LeadershipLost, RestClient, TransportError, leader_election

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kcm"


class Work:
    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def elector(client: RestClient, work: Work, identity: str, **options: Any) -> LeaderElector:
    times = {"lease_duration": 15.0, "renew_deadline": 10.0, "retry_period": 2.0} | options
    return LeaderElector(client, lease="kcm", identity=identity, on_started=work, **times)


async def test_first_candidate_leads_and_releases_the_lease_at_the_end(
    server: Any, client: RestClient
) -> None:
    work, stop = Work(), asyncio.Event()
    task = asyncio.create_task(elector(client, work, "one").run(stop))
    await asyncio.wait_for(work.started.wait(), 20)
    assert server.objects[LEASE]["spec"]["holderIdentity"] == "one"
    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "kcm"}) == 1
    stop.set()
    await task
    assert REGISTRY.get_sample_value("leader_election_master_status", {"name": "kcm"}) == 0
    assert work.cancelled
    assert server.objects[LEASE]["spec"]["holderIdentity"] == ""


async def test_held_lease_is_not_acquired(server: Any, client: RestClient) -> None:
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 15}
    server.put(LEASE, {"metadata": {"name": "kcm"}, "spec": spec})
    work, stop = Work(), asyncio.Event()
    candidate = elector(client, work, "one", retry_period=0.01)
    task = asyncio.create_task(candidate.run(stop))
    while len(server.requests) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert candidate.leader == "other"
    assert not work.started.is_set()
    stop.set()
    await task
    assert {method for method, _, _ in server.requests} == {"GET"}


async def test_expired_lease_is_acquired_and_counts_a_transition(server: Any, client: RestClient) -> None:
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 0.01, "leaseTransitions": 4}
    server.put(LEASE, {"metadata": {"name": "kcm"}, "spec": spec})
    work, stop = Work(), asyncio.Event()
    task = asyncio.create_task(elector(client, work, "one", retry_period=0.02).run(stop))
    await asyncio.wait_for(work.started.wait(), 20)
    assert server.objects[LEASE]["spec"]["leaseTransitions"] == 5
    stop.set()
    await task


async def test_leader_that_cannot_renew_stops_and_raises(
    server: Any, client: RestClient, refuse: Any
) -> None:
    work, stop = Work(), asyncio.Event()
    times = {"lease_duration": 0.3, "renew_deadline": 0.2, "retry_period": 0.01}
    task = asyncio.create_task(elector(client, work, "one", **times).run(stop))
    await asyncio.wait_for(work.started.wait(), 20)
    server.answers = [refuse(500, "InternalError") for _ in range(200)]
    with pytest.raises(LeadershipLost):
        await asyncio.wait_for(task, 20)
    assert work.cancelled


async def test_leader_that_sees_another_holder_stops_before_its_renew_deadline(
    server: Any, client: RestClient
) -> None:
    """A process that was suspended for longer than its lease finds that another one leads."""
    work, stop = Work(), asyncio.Event()
    task = asyncio.create_task(elector(client, work, "one", retry_period=0.01).run(stop))
    await asyncio.wait_for(work.started.wait(), 20)
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 15}
    server.put(LEASE, {"metadata": {"name": "kcm"}, "spec": spec})
    with pytest.raises(LeadershipLost):
        await asyncio.wait_for(task, 5)
    assert work.cancelled


async def test_guarded_clients_send_changes_only_while_the_lease_is_held(
    server: Any, client: RestClient
) -> None:
    """A process that lost the lease must not act, even if it does not know yet."""
    work, stop = Work(), asyncio.Event()
    candidate = elector(client, work, "one")
    guarded = client.guard_changes(candidate.get_seconds_left)
    with pytest.raises(TransportError, match="may lead no more"):
        await guarded.request("DELETE", LEASE)
    task = asyncio.create_task(candidate.run(stop))
    await asyncio.wait_for(work.started.wait(), 20)
    assert 14 < candidate.get_seconds_left() <= 15
    await guarded.request("POST", "/api/v1/pods", body={"metadata": {"name": "p"}})
    stop.set()
    await task
    with pytest.raises(TransportError, match="may lead no more"):
        await guarded.request("DELETE", LEASE)
    await guarded.request("GET", LEASE)


async def test_a_change_is_not_written_if_the_lease_expires_while_the_client_connects(
    server: Any, client: RestClient
) -> None:
    """A process that was suspended meanwhile runs what is ready before its timers."""
    left = iter([10.0, 0.0])
    guarded = client.guard_changes(lambda: next(left))
    pod = {"metadata": {"name": "p", "namespace": "work"}}
    with pytest.raises(TransportError, match="not sent"):
        await guarded.request("POST", "/api/v1/namespaces/work/pods", body=pod)
    assert not [request for request in server.requests if request[0] == "POST"]
    always = client.guard_changes(lambda: 10.0)
    await always.request("POST", "/api/v1/namespaces/work/pods", body=pod)


async def test_leader_exits_although_its_work_does_not_end(
    server: Any, client: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "_CANCEL_SECONDS", 0.01)
    started, end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await end.wait()
        await end.wait()

    candidate = LeaderElector(client, lease="kcm", on_started=work, retry_period=0.01)
    task = asyncio.create_task(candidate.run(asyncio.Event()))
    await asyncio.wait_for(started.wait(), 20)
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 15}
    server.put(LEASE, {"metadata": {"name": "kcm"}, "spec": spec})
    with pytest.raises(LeadershipLost):
        await asyncio.wait_for(task, 5)
    end.set()
