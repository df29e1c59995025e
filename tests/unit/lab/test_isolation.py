"""What systemd-nspawn and the devices controller keep from a lab host."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import KprovError
from kprov.lab import cgroups, isolation
from kprov.lab.definition import Host

HOST = Host("a", "node1", "192.0.2.11", 1)
DEVICES = "Character devices:\n  1 mem\n  5 /dev/tty\n\nBlock devices:\n  7 loop\n  8 sd\n254 virtblk\n"


def test_a_host_keeps_all_capabilities_but_those_of_clock_modules_and_hardware() -> None:
    options = isolation.build_nspawn_options()
    assert options.index("--capability=all") < options.index(
        "--drop-capability=CAP_SYS_MODULE,CAP_SYS_RAWIO,CAP_SYS_TIME"
    )


def test_a_host_cannot_load_another_kernel_for_the_machine() -> None:
    assert "--system-call-filter=~kexec_load kexec_file_load" in isolation.build_nspawn_options()


def test_all_block_devices_but_loops_are_denied(tmp_path: Path) -> None:
    (tmp_path / "proc-devices").write_text(DEVICES)
    group = cgroups.find_group(tmp_path / "devices", HOST)
    group.mkdir(parents=True)
    rules = isolation.deny_block_devices(HOST, tmp_path, tmp_path / "proc-devices")
    assert rules == ["b 8:* rw", "b 254:* rw"]
    assert (group / "devices.deny").read_text() == rules[-1]


def test_a_machine_with_cgroup_v2_has_no_rules_of_devices(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    assert isolation.deny_block_devices(HOST, tmp_path) == []


def test_an_unreadable_list_of_devices_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "proc-devices").write_text("Character devices:\n")
    with pytest.raises(KprovError, match="no block devices"):
        isolation.deny_block_devices(HOST, tmp_path, tmp_path / "proc-devices")
