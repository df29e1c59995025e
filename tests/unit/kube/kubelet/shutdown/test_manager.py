"""A shutdown waits for the pods, and not longer than configured."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import NodeName
from kprov.kube.kubelet.config.shutdown_period import ShutdownPeriod
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.shutdown.logind import Logind, LogindError
from kprov.kube.kubelet.shutdown.manager import ShutdownManager, ShutdownState
from tests.unit.kube.kubelet.kubelet_builders import pod
from tests.unit.kube.kubelet.shutdown.logind_server import LogindServer, logind_server

SCHEDULE = [ShutdownPeriod(0, 30), ShutdownPeriod(2_000_000_000, 10)]


class Kubelet:
    """Records what the manager asks for; pods end when the test says so."""

    def __init__(self, address: str, config_file: Path) -> None:
        self.pods: list[Pod] = []
        self.killed: list[tuple[str, int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.flushed = 0
        self.changed = asyncio.Event()
        self.state = ShutdownState()
        self.manager = ShutdownManager(
            SCHEDULE,
            self.state,
            list_active_pods=lambda: self.pods,
            kill_pod=self.kill,
            send_statuses=self.flush,
            on_change=self.changed.set,
            events=EventSender(None, NodeName("node1")),
            logind=lambda: Logind(address, config_file),
        )

    async def kill(self, pod: Pod, seconds: int) -> None:
        self.killed.append((pod.metadata.name, seconds))
        await self.may_end.wait()

    async def flush(self) -> None:
        self.flushed += 1

    def add_pod(self, name: str, grace: int, priority: int) -> None:
        made = pod(terminationGracePeriodSeconds=grace, priority=priority)
        made.metadata.name = name
        self.pods.append(made)


@contextlib.asynccontextmanager
async def started(server: LogindServer) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(server.address, server.config_file)
    task = asyncio.create_task(kubelet.manager.run())
    async with asyncio.timeout(10):
        await server.inhibited.wait()
    try:
        yield kubelet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_shutdown_goes_on_when_the_pods_have_ended(tmp_path: Path) -> None:
    async with logind_server(tmp_path) as server, started(server) as kubelet:
        assert server.inhibitors == [
            ["shutdown", "kubelet", "Kubelet needs time to handle node shutdown", "delay"]
        ]
        kubelet.add_pod("system", 100, 2_000_000_001)
        kubelet.add_pod("slow", 60, 0)
        kubelet.add_pod("quick", 5, 0)
        kubelet.may_end.clear()
        await server.prepare_for_shutdown(begins=True)
        async with asyncio.timeout(10):
            await kubelet.changed.wait()
        assert kubelet.state.is_shutting_down
        assert server.is_held(0)
        kubelet.may_end.set()
        await server.wait_for_release(0)
        # Within their period's time, and not longer than their own; critical pods last.
        assert kubelet.killed == [("slow", 30), ("quick", 5), ("system", 10)]
        assert kubelet.flushed == 1


async def test_cancelled_shutdown_is_waited_for_again(tmp_path: Path) -> None:
    async with logind_server(tmp_path) as server, started(server) as kubelet:
        await server.prepare_for_shutdown(begins=True)
        await server.wait_for_release(0)
        kubelet.changed.clear()
        server.inhibited.clear()
        await server.prepare_for_shutdown(begins=False)
        async with asyncio.timeout(10):
            await kubelet.changed.wait()
            await server.inhibited.wait()
        assert not kubelet.state.is_shutting_down
        assert server.is_held(1)


async def test_logind_is_configured_for_the_whole_time(tmp_path: Path) -> None:
    async with logind_server(tmp_path) as server, started(server):
        assert "InhibitDelayMaxSec=40\n" in server.config_file.read_text()
        assert server.config_file.stat().st_mode & 0o777 == 0o644
        assert server.max_delay == 40_000_000


async def test_logind_that_allows_more_is_left_alone(tmp_path: Path) -> None:
    async with logind_server(tmp_path) as server:
        server.max_delay = 90_000_000
        async with started(server):
            assert not server.config_file.exists()


async def test_logind_that_does_not_obey_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kprov.kube.kubelet.shutdown.logind._RELOAD_PAUSES", (0.0, 0.0))
    async with logind_server(tmp_path) as server:
        server.obeys_config = False
        async with Logind(server.address, server.config_file) as logind:
            with pytest.raises(LogindError, match="allows a delay of 5 s, and 40 s are needed"):
                await logind.ensure_max_delay(40)


async def test_host_without_logind_gets_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kprov.kube.kubelet.shutdown.manager._FIRST_RETRY", 0.0)
    kubelet = Kubelet(f"unix:path={tmp_path}/missing", tmp_path / "conf")
    with caplog.at_level(logging.WARNING), contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await kubelet.manager.run()
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 1
    assert "pods will not be ended before the node shuts down: connecting to D-Bus" in texts[0]


async def test_without_a_grace_period_nothing_is_watched() -> None:
    events = EventSender(None, NodeName("node1"))

    async def never() -> None:
        raise AssertionError

    manager = ShutdownManager(
        [],
        ShutdownState(),
        list_active_pods=list,
        kill_pod=lambda *_: never(),
        send_statuses=never,
        on_change=lambda: None,
        events=events,
        logind=lambda: pytest.fail("connects"),
    )
    await manager.run()
