"""What a runtime says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from tests.cri.cri_docker_program import Runtime


async def test_version(cri: CriClient) -> None:
    version = await cri.version()
    assert version.version == "0.1.0"
    assert version.runtime_name
    assert version.runtime_version
    assert version.runtime_api_version


async def test_runtime_and_network_are_ready(cri: CriClient) -> None:
    status = (await cri.status()).status
    assert {condition.type: condition.status for condition in status.conditions} == {
        "RuntimeReady": True,
        "NetworkReady": True,
    }


async def test_the_driver_of_cgroups(cri: CriClient, runtime: Runtime) -> None:
    answer = await cri._call("RuntimeConfig", pb.RuntimeConfigRequest(), pb.RuntimeConfigResponse)
    if runtime.engine is None:
        return
    expected = {"systemd": pb.SYSTEMD, "cgroupfs": pb.CGROUPFS}
    assert answer.linux.cgroup_driver == expected[runtime.engine.request("GET", "/info")["CgroupDriver"]]


async def test_a_missing_network_configuration_is_a_condition(cri: CriClient, runtime: Runtime) -> None:
    if runtime.engine is None:
        pytest.skip("the configuration of that runtime is not the tests'")
    folder = runtime.engine.folder / "net.d"
    hidden = folder.with_name("hidden")
    folder.rename(hidden)
    try:
        conditions = (await cri.status()).status.conditions
    finally:
        hidden.rename(folder)
    network = next(condition for condition in conditions if condition.type == "NetworkReady")
    assert not network.status
    assert network.reason == "NetworkPluginNotReady"
    assert network.message == "docker: network plugin is not ready: cni config uninitialized"


async def test_an_unknown_method(cri: CriClient) -> None:
    with pytest.raises(RuntimeFailure) as failure:
        await cri._call("Guess", pb.StatusRequest(), pb.StatusResponse)
    assert failure.value.code == "UNIMPLEMENTED"


def test_the_memory_of_an_idle_runtime(runtime: Runtime) -> None:
    if not runtime.pid:
        pytest.skip("not cri-docker")
    status = Path(f"/proc/{runtime.pid}/status").read_text()
    kib = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    assert kib < 60 * 1024
