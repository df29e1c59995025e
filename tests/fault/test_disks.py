"""A full disk and one that is read-only: named with host, task and path; nothing half-written is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.conftest import Break
from tests.fault.hosts import Hosts
from tests.fault.playing import play

FULL = "mkdir -p /mnt/small && mount -t tmpfs -o size=1m tmpfs /mnt/small"
UNMOUNT = "umount /mnt/small; rmdir /mnt/small"
#: Where an agent may keep its program and its record, for root and the login user.
CACHES = (
    "/root/.cache/kprov", "/home/kprov/.cache/kprov", "/var/tmp/kprov-0", "/var/tmp/kprov-1000",
    "/dev/shm", "/run/kprov",
)  # fmt: skip


@pytest.mark.parametrize("module", ["copy", "template", "unarchive"])
def test_a_full_disk_fails_the_task_and_leaves_nothing_half_written(
    hosts: Hosts, broken: Break, tmp_path: Path, module: str
) -> None:
    broken("node1", FULL, UNMOUNT)
    hosts.inside("node1", "echo old > /mnt/small/large")
    source = tmp_path / "large"
    source.write_bytes(b"content\n" * (3 << 17))
    dest = "/mnt/small/large"
    if module == "unarchive":
        import subprocess

        subprocess.run(["tar", "-cf", tmp_path / "large.tar", "-C", tmp_path, "large"], check=True)
        source, dest = tmp_path / "large.tar", "/mnt/small"
    hosts.inside("node2", "mkdir -p /mnt/small")
    said = play(hosts, tmp_path, [{"name": "Something large", module: {"src": str(source), "dest": dest}}])
    hosts.inside("node2", "rm -r /mnt/small")

    assert said.code == 1
    error = said.error("node1")
    assert error["task"] == "Something large"
    assert "No space left on device" in error["message"]
    assert "/mnt/small" in error["message"]
    assert "node1: Something large" in said.text
    assert "No space left on device" in said.text
    assert said.report["hosts"]["node2"]["changed"] == 1
    if module != "unarchive":
        assert hosts.inside("node1", "cat /mnt/small/large") == "old\n"
        assert hosts.inside("node1", "ls -A /mnt/small") == "large\n"


def test_a_host_on_which_the_agent_can_keep_nothing_is_worked_on_all_the_same(
    hosts: Hosts, broken: Break, tmp_path: Path
) -> None:
    for place in CACHES:
        broken("node1", f"mkdir -p {place}; mount -t tmpfs -o size=4k,mode=0700 tmpfs {place}; "
               f"head -c 8192 /dev/zero > {place}/full 2>/dev/null; true", f"umount -l {place}; rmdir --ignore-fail-on-non-empty {place}")  # fmt: skip
    said = play(hosts, tmp_path, [{"name": "Work", "command": "true"}])
    assert said.code == 0, said.text


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("copy", {"content": "new\n", "dest": "/mnt/small/file"}),
        ("lineinfile", {"path": "/mnt/small/file", "line": "new"}),
        ("file", {"path": "/mnt/small/folder", "state": "directory"}),
        ("file", {"path": "/mnt/small/file", "state": "absent"}),
        ("unarchive", {"src": "/root/fault.tar", "dest": "/mnt/small", "remote_src": True}),
    ],
)
def test_a_read_only_file_system_is_named(
    hosts: Hosts, broken: Break, tmp_path: Path, module: str, args: dict[str, object]
) -> None:
    broken("node1", f"{FULL} && echo old > /mnt/small/file && mount -o remount,ro /mnt/small "
           "&& tar -cf /root/fault.tar /etc/hostname", f"rm -f /root/fault.tar; {UNMOUNT}")  # fmt: skip
    said = play(hosts, tmp_path, [{"name": "A change", module: args}], "--limit", "node1")

    assert said.code == 1
    error = said.error("node1")
    assert error["task"] == "A change"
    assert "ead-only file system" in error["message"]
    assert "/mnt/small" in error["message"]
    assert hosts.inside("node1", "ls -A /mnt/small; cat /mnt/small/file") == "file\nold\n"


def test_a_read_only_home_keeps_nobody_from_working(hosts: Hosts, broken: Break, tmp_path: Path) -> None:
    for place in ("/root", "/home/kprov"):
        broken(
            "node1", f"mount --bind {place} {place} && mount -o remount,bind,ro {place}", f"umount -l {place}"
        )
    said = play(hosts, tmp_path, [{"name": "Work", "command": "true"}])
    assert said.code == 0, said.text
