"""cri-docker keeps nothing that a restart loses."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.network.manager import NetworkManager
from kprov.kube.kubelet.cri.client import CriClient
from tests.cri.cri_docker_program import Runtime, start_cri_docker
from tests.cri.pods import PodMaker


async def test_a_sandbox_of_the_program_before(
    cri: CriClient, pods: PodMaker, runtime: Runtime, tmp_path: Path
) -> None:
    if runtime.engine is None:
        pytest.skip("not cri-docker")
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    before = await cri.pod_sandbox_status(sandbox.id)
    with start_cri_docker(runtime.engine, "second") as second:
        client = CriClient(second.endpoint)
        try:
            assert await client.pod_sandbox_status(sandbox.id) == before
            assert (await client.container_status(container)).state == pb.CONTAINER_RUNNING
            await client.remove_pod_sandbox(sandbox.id)
        finally:
            await client.close()
    kept = NetworkManager(tmp_path, [], runtime.engine.folder / "state")
    assert kept.list_addresses(sandbox.id) == []
