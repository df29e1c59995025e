"""Events of containers, which spare the kubelet to list them."""

from __future__ import annotations

import asyncio

import pytest

from kprov.kube.component_base.tasks import start_task
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient
from tests.cri.cri_docker_program import Runtime
from tests.cri.pods import PodMaker


async def test_the_life_of_a_pod_as_events(cri: CriClient, pods: PodMaker, runtime: Runtime) -> None:
    if not runtime.pid:
        pytest.skip("not cri-docker")
    events: list[pb.ContainerEventResponse] = []
    arrived = asyncio.Event()

    async def read() -> None:
        async for event in cri.container_events():
            events.append(event)
            arrived.set()

    reader = start_task(read(), "events")
    # The stream has begun when the first event of anything arrives.
    first = await pods.run_sandbox()
    while not events:
        arrived.clear()
        sandbox = await pods.run_sandbox()
        with_timeout = asyncio.wait_for(arrived.wait(), 2)
        await asyncio.gather(with_timeout, return_exceptions=True)
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    await cri.stop_container(container, 0)
    await cri.remove_container(container)

    def types_of(container_id: str) -> list[int]:
        return [event.container_event_type for event in events if event.container_id == container_id]

    async with asyncio.timeout(30):
        while pb.CONTAINER_DELETED_EVENT not in types_of(container):
            arrived.clear()
            await arrived.wait()
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert first.id != sandbox.id
    assert types_of(container) == [
        pb.CONTAINER_CREATED_EVENT,
        pb.CONTAINER_STARTED_EVENT,
        pb.CONTAINER_STOPPED_EVENT,
        pb.CONTAINER_DELETED_EVENT,
    ]
    last = [event for event in events if event.container_id == container][-1]
    assert last.pod_sandbox_status.metadata == sandbox.config.metadata
    assert last.created_at > 1_700_000_000_000_000_000
