"""What a lab reads and writes in /proc and /sys, on folders of the test's own."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path

import pytest

from kprov.lab import cgroups, disk, kernel
from kprov.lab.definition import Lab

HOST = Lab("a").hosts[0]


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for name, value in {
        "net/ipv4/ip_forward": 0,
        "fs/inotify/max_user_instances": 128,
        "fs/inotify/max_user_watches": 900000,
    }.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(f"{value}\n")
    return tmp_path / "proc"


def test_limits_are_only_raised_and_what_was_there_comes_back(proc: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert kernel.raise_limits(proc=proc, state=state) == [
        "net.ipv4.ip_forward",
        "fs.inotify.max_user_instances",
    ]
    assert (proc / "fs/inotify/max_user_watches").read_text() == "900000\n"
    assert kernel.raise_limits(proc=proc, state=state) == []
    kernel.restore_limits(proc=proc, state=state)
    assert (proc / "fs/inotify/max_user_instances").read_text() == "128"
    assert not (state / "sysctl.json").exists()


def test_a_limit_that_somebody_changed_since_stays(proc: Path, tmp_path: Path) -> None:
    kernel.raise_limits(proc=proc, state=tmp_path)
    (proc / "fs/inotify/max_user_instances").write_text("9000")
    kernel.restore_limits(proc=proc, state=tmp_path)
    assert (proc / "fs/inotify/max_user_instances").read_text() == "9000"


def test_the_first_value_is_kept_when_limits_are_raised_again(proc: Path, tmp_path: Path) -> None:
    kernel.raise_limits(proc=proc, state=tmp_path)
    (proc / "net/ipv4/ip_forward").write_text("0")
    kernel.raise_limits(proc=proc, state=tmp_path)
    assert json.loads((tmp_path / "sysctl.json").read_text())["fs/inotify/max_user_instances"] == 128


def test_a_v1_machine_has_a_group_in_every_hierarchy_once(tmp_path: Path) -> None:
    for name in ("memory", "pids", "systemd"):
        (tmp_path / name).mkdir()
    (tmp_path / "alias").symlink_to("memory")
    files = cgroups.create_groups(HOST, tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in files] == [
        "memory/kprov/a/node1/cgroup.procs", "pids/kprov/a/node1/cgroup.procs", "systemd/kprov/a/node1/cgroup.procs",
    ]  # fmt: skip


def test_a_v1_cpuset_is_filled_from_above_before_a_process_enters(tmp_path: Path) -> None:
    top = tmp_path / "cpuset"
    group = top / "kprov/a/node1"
    group.mkdir(parents=True)
    (top / "cpuset.cpus").write_text("0-1\n")
    for folder in (top / "kprov", top / "kprov/a", group):
        (folder / "cpuset.cpus").write_text("\n")
    cgroups.create_groups(HOST, tmp_path)
    assert (group / "cpuset.cpus").read_text() == "0-1\n"


def test_a_v2_machine_has_one_group_with_the_controllers_handed_down(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    assert cgroups.create_groups(HOST, tmp_path) == [tmp_path / "kprov/a/node1/cgroup.procs"]
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu"


@pytest.mark.parametrize(
    ("place", "usage", "cache"),
    [
        ("memory/kprov/a/node1", "memory.usage_in_bytes", "total_inactive_file"),
        ("kprov/a/node1", "memory.current", "inactive_file"),
    ],
)
def test_memory_is_without_the_page_cache_that_can_go(
    tmp_path: Path, place: str, usage: str, cache: str
) -> None:
    if not place.startswith("memory"):
        (tmp_path / "cgroup.controllers").write_text("memory")
    group = tmp_path / place
    group.mkdir(parents=True)
    (group / usage).write_text("1000\n")
    (group / "memory.stat").write_text(f"rss 3\n{cache} 400\n")
    assert cgroups.read_memory(HOST, tmp_path) == 600


def test_hosts_ask_the_resolver_behind_the_machines_stub(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
    assert disk.render_resolv_conf(tmp_path) == "nameserver 127.0.0.53\n"
    (tmp_path / "run/systemd/resolve").mkdir(parents=True)
    (tmp_path / "run/systemd/resolve/resolv.conf").write_text("nameserver 192.0.2.53\n")
    assert disk.render_resolv_conf(tmp_path) == "nameserver 192.0.2.53\n"


def test_groups_that_come_and_go_keep_nobody_from_removing_a_lab(tmp_path: Path) -> None:
    """As those of units do that a host's systemd starts while the host is being ended."""
    group = tmp_path / "kprov" / "a" / "node1"
    over = threading.Event()

    def units() -> None:
        while not over.is_set():
            for number in range(5):
                unit = group / f"unit{number}" / "payload"
                with contextlib.suppress(OSError):
                    unit.mkdir(parents=True, exist_ok=True)
                    unit.rmdir()
                    unit.parent.rmdir()

    (tmp_path / "cgroup.controllers").touch()
    thread = threading.Thread(target=units)
    thread.start()
    try:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            cgroups.kill_processes("a", "node1", tmp_path, timeout=0.01)
    finally:
        over.set()
        thread.join()
