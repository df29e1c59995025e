"""Results of probes live as long as their pod."""

from __future__ import annotations

import asyncio
from typing import Any

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import NodeName, PodUID
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.probes.handler_runner import HandlerRunner
from kprov.kube.kubelet.probes.manager import ProbeManager
from tests.unit.kube.kubelet.kubelet_builders import container, pod


class Node:
    """A probe manager, a server to probe, and pods that run."""

    def __init__(self) -> None:
        self.statuses: dict[str, dict[str, Any]] = {}
        self.changed = asyncio.Event()
        self.cri = CriClient("unix:///run/no-runtime.sock", timeout=1.0)
        events = EventSender(None, NodeName("node1"))
        self.probes = ProbeManager(
            HandlerRunner(self.cri), events, self.statuses.get, lambda _: self.changed.set()
        )
        self.port = 0
        self.server: asyncio.Server | None = None

    async def __aenter__(self) -> Node:
        self.server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.probes.close()
        assert self.server is not None
        self.server.close()
        await self.cri.close()

    def run_pod(self, uid: str) -> Pod:
        """A pod whose container has started, with all three kinds of probes."""
        probe = {"tcpSocket": {"port": self.port}, "periodSeconds": 1}
        made = pod(container(livenessProbe=probe, readinessProbe=probe, startupProbe=probe))
        made.metadata.uid = uid
        self.statuses[uid] = {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "containerStatuses": [
                {
                    "name": "c",
                    "containerID": f"containerd://{uid}-c",
                    "state": {"running": {}},
                    "started": False,
                }
            ],
        }
        self.probes.add_pod(made)
        return made

    async def wait_for_results(self, uid: str) -> None:
        while self.probes.get_startup(f"{uid}-c") is None or self.probes.get_liveness(f"{uid}-c") is None:
            self.changed.clear()
            async with asyncio.timeout(10):
                await self.changed.wait()


async def test_results_go_with_their_pod() -> None:
    async with Node() as node:
        node.run_pod("u1")
        node.run_pod("u2")
        await node.wait_for_results("u1")
        await node.wait_for_results("u2")
        node.probes.remove_pod(PodUID("u1"))
        assert node.probes.get_liveness("u1-c") is None
        assert node.probes.get_startup("u1-c") is None
        assert {identity for _, identity in node.probes._results} == {"u2-c"}


async def test_results_of_a_terminating_pod_stay_until_it_has_ended() -> None:
    async with Node() as node:
        node.run_pod("u1")
        await node.wait_for_results("u1")
        node.probes.stop_liveness_and_startup(PodUID("u1"))
        assert node.probes.get_liveness("u1-c") is True
        node.probes.remove_pod(PodUID("u1"))
        assert node.probes._results == {}
        assert node.probes._results_of_pods == {}


async def test_result_of_a_replaced_container_is_dropped() -> None:
    async with Node() as node:
        node.run_pod("u1")
        await node.wait_for_results("u1")
        node.statuses["u1"]["containerStatuses"][0]["containerID"] = "containerd://again"
        while node.probes.get_startup("again") is None:
            node.changed.clear()
            async with asyncio.timeout(10):
                await node.changed.wait()
        assert node.probes.get_startup("u1-c") is None
        node.probes.remove_pod(PodUID("u1"))
        assert node.probes._results == {}
