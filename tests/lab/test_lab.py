"""`kprov lab`: whole hosts, made and removed, that behave as machines do."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import shlex
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.conftest import HOSTS, KPROV, LAB, SUBNET, Lab, eventually, run

OTHER = "test-other"
#: The network after the lab's.
OTHER_SUBNET = f"{ipaddress.ip_network(SUBNET).broadcast_address + 1}/24"
HOSTS_OF_OTHER = ("node1", "node2")


@pytest.fixture
def other() -> Iterator[str]:
    """A second lab beside the shared one."""
    run(KPROV, "lab", "down", "--name", OTHER)
    run(KPROV, "lab", "up", "--name", OTHER, "--subnet", OTHER_SUBNET, "--hosts", "2")
    yield OTHER
    run(KPROV, "lab", "down", "--name", OTHER)


def remains(name: str) -> list[str]:
    """Everything on this machine that carries the lab's name."""
    found = [
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/lab/{name}/" in line
    ]
    found += [str(path) for path in Path("/run/netns").glob(f"kprov.{name}.*")]
    # Not by Path.glob: it fails when a group goes while it looks, and units of other hosts come and go.
    groups = (folder for folder, names, _ in os.walk("/sys/fs/cgroup") if name in names)
    found += [f"{folder}/{name}" for folder in groups if folder.endswith("/kprov")]
    found += [str(path) for path in Path("/sys/class/net").glob(f"kprov-{name}")]
    found += [
        line for line in run("nft", "list", "tables").stdout.splitlines() if name.replace("-", "_") in line
    ]
    found += nspawns(name)
    folder = Path("/var/lib/kprov/lab", name)
    return found + ([str(folder)] if folder.exists() else [])


def nspawns(name: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(f"--machine=kprov.{name}.".encode()) for word in arguments):
            found.append(folder.name)
    return found


def states(name: str) -> dict[str, str]:
    rows = json.loads(run(KPROV, "lab", "list", "--name", name, "-o", "json").stdout)
    return {row["name"]: "on" if row["running"] else "off" for row in rows}


def test_hosts_are_bare_machines_with_systemd(lab: Lab) -> None:
    for host in HOSTS:
        assert lab.ssh(host, "cat /proc/1/comm; hostname").split() == ["systemd", host]
        assert lab.ssh(host, "systemctl --failed --no-legend --plain").strip() == ""
        assert (
            lab.ssh(host, "for p in containerd etcd kubelet haproxy nft pip3; do command -v $p; done; true")
            == ""
        )


def test_users_other_than_kprov_are_not_let_in(lab: Lab) -> None:
    folder = Path("/var/lib/kprov/lab", LAB)
    options = [f"-i{folder}/id_ed25519", f"-oUserKnownHostsFile={folder}/known_hosts", "-oBatchMode=yes"]
    refused = run("ssh", *options, f"root@{lab.address('node1')}", "true", check=False)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_hosts_differ_where_machines_do(lab: Lab) -> None:
    for file in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub", "/sys/class/net/eth0/address"):
        assert len({lab.ssh(host, f"cat {file}") for host in HOSTS}) == len(HOSTS)


def test_hosts_reach_each_other_and_the_package_archive(lab: Lab) -> None:
    connect = "import socket; print(socket.create_connection(('{}', 22), 5).recv(4).decode())"
    assert (
        lab.ssh("node1", f'python3 -c \\"{connect.format(lab.address("node2"))}\\"'.replace("\\", ""))
        == "SSH-\n"
    )
    assert "Candidate" in lab.ssh(
        "node3", "apt-get -q update >&2 && apt-cache policy etcd-server", timeout=120
    )


def test_hosts_set_kernel_parameters_and_limits_of_their_own(lab: Lab) -> None:
    lab.ssh("node1", "sysctl -qw net.ipv4.ip_forward=1")
    assert lab.ssh("node1", "cat /proc/sys/net/ipv4/ip_forward") == "1\n"
    limits = "-p MemoryMax=64M -p TasksMax=20 -p CPUQuota=50%"
    version_2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    files = (
        "memory.max pids.max cpu.max"
        if version_2
        else "memory/$g/memory.limit_in_bytes pids/$g/pids.max cpu/$g/cpu.cfs_quota_us"
    )
    own = "0::" if version_2 else "pids:"
    read = f"g=$(sed -n s/.*{own}.//p /proc/self/cgroup); cd /sys/fs/cgroup/{'$g' if version_2 else ''}; cat {files}"
    values = lab.ssh("node1", f"systemd-run --quiet --wait --pipe {limits} sh -c {shlex.quote(read)}").split()
    assert values[:3] == [str(64 << 20), "20", "50000"]


def test_systemd_sets_limits_again_after_a_reboot(lab: Lab) -> None:
    lab.kill("node3")
    lab.start("node3")
    lab.ssh(
        "node3", "systemctl set-property --runtime reboot.slice CPUQuota=50% && systemctl start reboot.slice"
    )
    quota = "/sys/fs/cgroup/*/reboot.slice/cpu.cfs_quota_us /sys/fs/cgroup/reboot.slice/cpu.max"
    assert lab.ssh("node3", f"cat {quota} 2>/dev/null || true").split()[0] == "50000"
    lab.ssh("node3", "systemctl stop reboot.slice && systemctl revert reboot.slice")


def test_a_host_changes_neither_the_clock_nor_a_disk_of_the_machine(lab: Lab) -> None:
    before = time.clock_gettime(time.CLOCK_REALTIME) - time.monotonic()
    try:
        lab.ssh("node1", "timedatectl set-timezone Europe/Berlin")
        assert "not permitted" in lab.ssh("node1", "date -s +1hour 2>&1 >/dev/null || true")
    finally:
        lab.ssh("node1", "timedatectl set-timezone Etc/UTC")
    assert abs(time.clock_gettime(time.CLOCK_REALTIME) - time.monotonic() - before) < 1800
    majors = Path("/proc/devices").read_text().partition("Block devices:\n")[2].splitlines()
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():  # with cgroup v2 a disk can be opened
        disk = next(line.split()[0] for line in majors if line.split()[1] not in ("loop", "zram"))
        read = f"mknod /root/disk b {disk} 0; head -c 1 /root/disk 2>&1 >/dev/null || true; rm /root/disk"
        assert "not permitted" in lab.ssh("node1", read)
    protected = (
        "for f in /sys/power/state /proc/sys/kernel/core_pattern; do test -w $f && echo $f; done; true"
    )
    assert lab.ssh("node1", protected) == ""


def test_up_again_changes_nothing_and_says_so(lab: Lab) -> None:
    before = nspawns(LAB)
    again = lab.kprov("lab", "up", "--name", LAB)
    assert again.stdout == f"Lab {LAB} is already up, nothing changed\n"
    assert nspawns(LAB) == before


def test_another_network_for_a_lab_that_is_there_is_refused(lab: Lab) -> None:
    for arguments in (
        ("--name", LAB, "--subnet", "10.99.0.0/24"),
        ("--name", "test-third", "--subnet", SUBNET),
    ):
        refused = lab.kprov("lab", "up", *arguments, check=False)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "subnet" in refused.stderr
    other_network = lab.kprov("lab", "up", "--name", LAB, "--subnet", "10.99.0.0/24", check=False)
    assert f"`kprov lab down --name {LAB}` first" in other_network.stderr


def test_a_pulled_plug_ends_a_host_at_once_and_its_disk_stays(lab: Lab) -> None:
    lab.ssh("node3", "echo kept > /var/lib/kept; echo plain > /var/lib/etcd/kept")
    boot = lab.ssh("node3", "cat /proc/1/stat").split()[21]
    lab.kill("node3")
    assert states(LAB) == {"node1": "on", "node2": "on", "node3": "off"}
    lab.start("node3")
    assert lab.ssh("node3", "cat /var/lib/kept /var/lib/etcd/kept").split() == ["kept", "plain"]
    assert lab.ssh("node3", "cat /proc/1/stat").split()[21] != boot
    lab.ssh("node3", "rm /var/lib/kept /var/lib/etcd/kept")


def test_a_host_that_reboots_boots_again(lab: Lab) -> None:
    boot = lab.ssh("node3", "cut -d' ' -f22 /proc/1/stat")
    lab.ssh("node3", "systemd-run --quiet --collect sh -c 'sleep 1; systemctl reboot --force --force'")

    def has_booted() -> bool:
        # Empty while the host is off.
        return lab.ssh("node3", "cut -d' ' -f22 /proc/1/stat", check=False, timeout=20) not in ("", boot)

    eventually("a new boot", has_booted, timeout=120)


def test_the_written_inventory_opens_the_hosts(lab: Lab) -> None:
    variables = yaml.safe_load((lab.inventory / "hosts.yml").read_text())["all"]["vars"]
    command = [
        "ssh",
        "-i",
        variables["ansible_ssh_private_key_file"],
        *variables["ansible_ssh_common_args"].split(),
    ]
    done = run(*command, f"{variables['ansible_user']}@{lab.address('node2')}", "sudo -n id -un")
    assert done.stdout == "root\n"


def test_down_leaves_nothing_behind(lab: Lab, other: str) -> None:
    assert states(other) == dict.fromkeys(HOSTS_OF_OTHER, "on")
    run(KPROV, "lab", "down", "--name", other)
    assert remains(other) == []
    assert set(states(LAB).values()) == {"on"}


def test_a_lab_whose_processes_were_killed_comes_up_again_on_its_disks(lab: Lab, other: str) -> None:
    run(KPROV, "lab", "ssh", "--name", other, "node1", "--", "echo kept > ~/kept")
    for pid in nspawns(other):
        # One may end with another.
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    eventually("hosts off", lambda: not nspawns(other), timeout=60)
    run(KPROV, "lab", "up", "--name", other)
    assert run(KPROV, "lab", "ssh", "--name", other, "node1", "--", "cat kept").stdout == "kept\n"


def test_remains_without_a_record_are_removed_by_name(lab: Lab, other: str) -> None:
    Path("/var/lib/kprov/lab", other, "lab.json").unlink()
    run(KPROV, "lab", "down", "--name", other)
    assert remains(other) == []
