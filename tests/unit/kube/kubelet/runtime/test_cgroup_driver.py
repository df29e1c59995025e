"""The runtime's cgroup driver goes before the configured one."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import RuntimeFailure
from kprov.kube.kubelet.runtime.cgroup_driver import find_cgroup_driver
from tests.unit.kube.kubelet.cri_server import serve_cri


def make_answer(driver: pb.CgroupDriver.ValueType) -> pb.RuntimeConfigResponse:
    return pb.RuntimeConfigResponse(linux=pb.LinuxRuntimeConfiguration(cgroup_driver=driver))


@pytest.mark.parametrize(
    ("configured", "driver", "result"),
    [("cgroupfs", pb.SYSTEMD, "systemd"), ("systemd", pb.CGROUPFS, "cgroupfs")],
)
async def test_the_runtimes_driver_is_used(
    tmp_path: Path, configured: str, driver: pb.CgroupDriver.ValueType, result: str
) -> None:
    async with serve_cri(tmp_path, {"RuntimeConfig": make_answer(driver)}) as cri:
        assert await find_cgroup_driver(cri, configured) == result


async def test_the_configured_one_is_used_if_the_runtime_does_not_tell(tmp_path: Path) -> None:
    async with serve_cri(tmp_path, {}) as cri:
        assert await find_cgroup_driver(cri, "systemd") == "systemd"


async def test_an_answer_without_a_driver_means_the_configured_one(tmp_path: Path) -> None:
    async with serve_cri(tmp_path, {"RuntimeConfig": pb.RuntimeConfigResponse()}) as cri:
        assert await find_cgroup_driver(cri, "systemd") == "systemd"


async def test_a_runtime_that_starts_is_asked_again(tmp_path: Path) -> None:
    answers = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, make_answer(pb.SYSTEMD)]
    async with serve_cri(tmp_path, {"RuntimeConfig": lambda: answers.pop(0)}) as cri:
        assert await find_cgroup_driver(cri, "cgroupfs", pause=0.01) == "systemd"


async def test_after_three_failures_the_kubelet_does_not_guess(tmp_path: Path) -> None:
    async with serve_cri(tmp_path, {"RuntimeConfig": grpc.StatusCode.INTERNAL}) as cri:
        with pytest.raises(RuntimeFailure):
            await find_cgroup_driver(cri, "cgroupfs", pause=0.01)
