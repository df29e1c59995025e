"""containerd's configuration: runc, and the runtimes of the inventory."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.rendering import render_template

_FOUND_ON_HOST = {
    "containerd_disable_apparmor": True,
    "containerd_restrict_oom_score_adj": False,
}


def runtimes_of(folder: Path, *, driver: str = "systemd", **variables: Any) -> dict[str, Any]:
    """The runtimes of the rendered configuration."""
    given = variables | _FOUND_ON_HOST | {"kubelet_cgroup_driver": driver}
    text = render_template(folder, "containerd", "containerd-config.toml.j2", ["a"], given)
    config = tomllib.loads(text)["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]
    found: dict[str, Any] = config["runtimes"]
    return found


def test_there_is_only_runc_unless_the_inventory_says_more(tmp_path: Path) -> None:
    assert runtimes_of(tmp_path) == {
        "runc": {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": True}}
    }


@pytest.mark.parametrize(("driver", "systemd"), [("systemd", True), ("cgroupfs", False)])
def test_another_runc_has_the_cgroup_driver_of_the_host(tmp_path: Path, driver: str, systemd: bool) -> None:
    handler = {"name": "test-handler", "type": "io.containerd.runc.v2"}
    found = runtimes_of(tmp_path, driver=driver, containerd_additional_runtimes=[handler])
    assert found["test-handler"] == {
        "runtime_type": "io.containerd.runc.v2",
        "options": {"SystemdCgroup": systemd},
    }


def test_runtimes_in_kubesprays_form(tmp_path: Path) -> None:
    kata = {
        "name": "kata.qemu",
        "type": "io.containerd.kata-qemu.v2",
        "engine": "",
        "root": "/run/kata",
        "base_runtime_spec": "cri-base.json",
        "options": {"ConfigPath": "/opt/kata/c.toml", "Debug": "false", "Level": 3},
    }
    own = {
        "name": "own",
        "type": "io.containerd.runc.v2",
        "engine": "/usr/bin/own",
        "options": {"systemdCgroup": "false", "BinaryName": "/usr/local/bin/own"},
    }
    found = runtimes_of(tmp_path, containerd_additional_runtimes=[kata, own])
    assert sorted(found) == ["kata.qemu", "own", "runc"]
    assert found["kata.qemu"] == {
        "runtime_type": "io.containerd.kata-qemu.v2",
        "runtime_root": "/run/kata",
        "base_runtime_spec": "/etc/containerd/cri-base.json",
        "options": {"ConfigPath": "/opt/kata/c.toml", "Debug": False, "Level": 3},
    }
    assert found["own"] == {
        "runtime_type": "io.containerd.runc.v2",
        "runtime_engine": "/usr/bin/own",
        "options": {"systemdCgroup": False, "BinaryName": "/usr/local/bin/own"},
    }
