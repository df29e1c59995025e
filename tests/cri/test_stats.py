"""Resource use of containers."""

from __future__ import annotations

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient
from tests.cri.pods import PodMaker


async def test_the_stats_of_a_container(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    script = "dd if=/dev/zero of=/tmp/file bs=1M count=3; echo ready; while :; do :; done"
    container = await pods.start(sandbox, pods.make_config(script))
    stats = pb.ContainerStats()
    while (
        not stats.cpu.usage_core_nano_seconds.value > 10_000_000
        or stats.writable_layer.used_bytes.value < 3 << 20
    ):
        request = pb.ContainerStatsRequest(container_id=container)
        stats = (await cri._call("ContainerStats", request, pb.ContainerStatsResponse)).stats
        assert stats.attributes.id == container
        if stats.writable_layer.used_bytes.value < 3 << 20:
            # The layer is measured once a minute.
            await cri.stop_container(container, 0)
            await cri.remove_container(container)
            container = await pods.start(sandbox, pods.make_config(script))
    assert stats.attributes.metadata.name == "main"
    assert 0 < stats.memory.working_set_bytes.value <= stats.memory.usage_bytes.value < 100 << 20
    assert stats.writable_layer.fs_id.mountpoint.startswith("/")
    assert stats.cpu.timestamp > 1_700_000_000_000_000_000


async def test_stats_are_of_running_containers(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    running = await pods.start(sandbox, pods.make_config(name="running"))
    await pods.run(sandbox, pods.make_config("true", name="ended"))
    request = pb.ListContainerStatsRequest(filter=pb.ContainerStatsFilter(pod_sandbox_id=sandbox.id))
    answer = await cri._call("ListContainerStats", request, pb.ListContainerStatsResponse)
    assert [stats.attributes.id for stats in answer.stats] == [running]
