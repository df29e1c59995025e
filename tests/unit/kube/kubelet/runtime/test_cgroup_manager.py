"""Limits that the kubelet sets for pods and for QoS classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.runtime import cgroup_manager, cgroups
from kprov.kube.kubelet.runtime.cgroup_manager import CgroupManager
from tests.unit.kube.kubelet.kubelet_builders import container, pod

BURSTABLE = {"requests": {"cpu": "250m"}, "limits": {"cpu": "505m", "memory": "64Mi"}}


@pytest.fixture(params=[1, 2], ids=["version 1", "version 2"])
def version(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A folder in place of /sys/fs/cgroup."""
    monkeypatch.setattr(cgroups, "FS", tmp_path)
    if request.param == 2:
        (tmp_path / "cgroup.controllers").touch()
    return int(request.param)


def burstable() -> Pod:
    return pod(container(resources=BURSTABLE))


def read_files(root: Path) -> dict[str, str]:
    """The files that were written, without the lists of enabled controllers."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("cgroup."))
    return {str(path.relative_to(root)): path.read_text() for path in files}


def test_a_pod_and_its_class_get_their_limits(tmp_path: Path, version: int) -> None:
    manager = CgroupManager(KubeletConfiguration(pod_pids_limit=77))
    assert manager.create_pod_cgroup(burstable()) == []
    assert manager.update_qos_cgroups([burstable(), burstable(), pod()]) == []
    if version == 1:
        assert read_files(tmp_path) == {
            "cpu/kubepods/burstable/podu1/cpu.shares": "256",
            "cpu/kubepods/burstable/podu1/cpu.cfs_period_us": "100000",
            "cpu/kubepods/burstable/podu1/cpu.cfs_quota_us": "50500",
            "memory/kubepods/burstable/podu1/memory.limit_in_bytes": "67108864",
            "pids/kubepods/burstable/podu1/pids.max": "77",
            "cpu/kubepods/burstable/cpu.shares": "512",
            "cpu/kubepods/besteffort/cpu.shares": "2",
        }
    else:
        assert read_files(tmp_path) == {
            "kubepods/burstable/podu1/cpu.weight": "10",
            "kubepods/burstable/podu1/cpu.max": "50500 100000",
            "kubepods/burstable/podu1/memory.max": "67108864",
            "kubepods/burstable/podu1/pids.max": "77",
            "kubepods/burstable/cpu.weight": "20",
            "kubepods/besteffort/cpu.weight": "1",
        }
        enabled = (tmp_path / "kubepods/burstable/cgroup.subtree_control").read_text()
        assert enabled == "+cpu +memory +pids"


@pytest.mark.parametrize("limit", [-1, 0])
def test_without_a_limit_of_processes_none_is_set(tmp_path: Path, version: int, limit: int) -> None:
    CgroupManager(KubeletConfiguration(pod_pids_limit=limit)).create_pod_cgroup(pod())
    assert not list(tmp_path.rglob("pids.max"))


def test_a_limit_that_cannot_be_written_is_a_problem_and_is_tried_again(tmp_path: Path, version: int) -> None:
    name = (
        "kubepods/besteffort/podu1/cpu.weight" if version == 2 else "cpu/kubepods/besteffort/podu1/cpu.shares"
    )
    (tmp_path / name).mkdir(parents=True)
    manager = CgroupManager(KubeletConfiguration())
    (problem,) = manager.create_pod_cgroup(pod())
    assert str(tmp_path / name) in problem
    assert "Is a directory" in problem
    (tmp_path / name).rmdir()
    assert manager.create_pod_cgroup(pod()) == []
    assert (tmp_path / name).read_text()


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of systemctl writes down its arguments, and a folder as systemd does."""
    program, calls, units = tmp_path / "bin/systemctl", tmp_path / "calls", tmp_path / "units"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n[ $1 = stop ] || mkdir -p {units}/$3.d\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(cgroup_manager, "_RUNTIME_UNITS", units)
    return program


def make_systemd_manager(**fields: Any) -> CgroupManager:
    return CgroupManager(KubeletConfiguration(cgroup_driver="systemd", **fields))


def test_slices_get_the_limits_as_properties_once_and_lose_them_with_the_pod(
    tmp_path: Path, version: int, systemctl: Path
) -> None:
    manager = make_systemd_manager(pod_pids_limit=77)
    for _ in range(2):
        assert manager.update_qos_cgroups([burstable()]) == []
        assert manager.create_pod_cgroup(burstable()) == []
    manager.remove_pod_cgroup(burstable())
    weights = {1: ["CPUShares=256", "CPUShares=2"], 2: ["CPUWeight=10", "CPUWeight=1"]}[version]
    memory = {1: "MemoryLimit", 2: "MemoryMax"}[version]
    limits = f"{weights[0]} CPUQuota=50.50% CPUQuotaPeriodSec=100000us {memory}=67108864 TasksMax=77"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"set-property --runtime kubepods-burstable.slice {weights[0]}",
        f"set-property --runtime kubepods-besteffort.slice {weights[1]}",
        f"set-property --runtime kubepods-burstable-podu1.slice {limits}",
        "stop kubepods-burstable-podu1.slice",
    ]
    assert not (tmp_path / "units" / "kubepods-burstable-podu1.slice.d").exists()


def test_cgroups_that_systemd_does_not_manage_are_removed_with_the_pod(
    tmp_path: Path, version: int, systemctl: Path
) -> None:
    """A systemd that started without write access to the controllers leaves them to the runtime."""
    above = tmp_path / ("cpu" if version == 1 else ".") / "kubepods.slice" / "kubepods-burstable.slice"
    (above / "kubepods-burstable-podu1.slice" / "cri-1").mkdir(parents=True)
    make_systemd_manager().remove_pod_cgroup(burstable())
    assert list(above.iterdir()) == []


def test_what_systemd_refuses_is_a_problem(version: int, systemctl: Path) -> None:
    systemctl.write_text("#!/bin/sh\necho 'Access denied' >&2\nexit 1\n")
    (problem,) = make_systemd_manager().create_pod_cgroup(pod())
    assert problem.startswith("systemctl set-property --runtime kubepods-besteffort-podu1.slice CPU")
    assert problem.endswith(": Access denied")
