"""Limits that the kubelet sets for pods."""

from pathlib import Path

import pytest

from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.runtime import cgroups
from tests.unit.kube.kubelet.kubelet_builders import pod


@pytest.fixture(params=["version 1", "version 2"])
def hierarchy(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /sys/fs/cgroup; return where a pod's limit of processes belongs."""
    monkeypatch.setattr(cgroups, "_FS", tmp_path)
    if request.param == "version 2":
        (tmp_path / "cgroup.controllers").touch()
        return tmp_path / "kubepods/besteffort/podu1/pids.max"
    return tmp_path / "pids/kubepods/besteffort/podu1/pids.max"


def test_a_pod_has_the_limit_of_processes_of_the_configuration(hierarchy: Path) -> None:
    cgroups.create_pod_cgroup(pod(), KubeletConfiguration(pod_pids_limit=77))
    assert hierarchy.read_text() == "77"


@pytest.mark.parametrize("limit", [-1, 0])
def test_without_a_limit_none_is_set(hierarchy: Path, limit: int) -> None:
    cgroups.create_pod_cgroup(pod(), KubeletConfiguration(pod_pids_limit=limit))
    assert not hierarchy.exists()


def test_the_slice_of_systemd_gets_the_limit_and_loses_it_with_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in place of systemctl writes down its arguments, and a folder as systemd does."""
    program, calls, units = tmp_path / "bin/systemctl", tmp_path / "calls", tmp_path / "units"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\nmkdir -p {units}/kubepods-besteffort-podu1.slice.d\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(cgroups, "_RUNTIME_UNITS", units)
    config = KubeletConfiguration(pod_pids_limit=77, cgroup_driver="systemd")
    for _ in range(2):
        cgroups.create_pod_cgroup(pod(), config)
    cgroups.remove_pod_cgroup(pod(), config)
    assert calls.read_text().splitlines() == [
        "set-property --runtime kubepods-besteffort-podu1.slice TasksMax=77",
        "stop kubepods-besteffort-podu1.slice",
        "revert kubepods-besteffort-podu1.slice",
    ]
