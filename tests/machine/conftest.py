"""A machine that boots the box, and a cluster on it; made once and shared by the tests in their order."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.machine.host_state import HostState, read_host_state
from tests.qemu import box, emulator
from tests.qemu.virtual_machine import VirtualMachine

KPROV = Path(sys.executable).parent / "kprov"
#: Not in /tmp, which is memory on many machines: the disk grows to a few GiB. A killed run leaves it to the next.
DIRECTORY = Path("/var/tmp/kprov-machine")
LOCK = Path("/run/lock/kprov-machine.lock")
NAME = "machine1"
SLOW_MACHINES = Path(__file__).resolve().parents[2] / "vagrant/slow.yml"
#: Seconds for one `kprov` command: without KVM, on a busy computer, the first run takes half an hour.
COMMAND_LIMIT = 3600


@dataclass(frozen=True)
class Cluster:
    """The machine, the inventory that names it, and the machine's state before the first run."""

    machine: VirtualMachine
    inventory: Path
    before: HostState

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig on this computer."""
        return self.inventory / "artifacts" / "admin.conf"

    def kprov(self, *arguments: str) -> str:
        """Return the output of `kprov ARGUMENTS -i INVENTORY`, which must succeed."""
        began = time.monotonic()
        command = [str(KPROV), *arguments, "-i", str(self.inventory)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
            check=False,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
        )
        print(f"kprov {' '.join(arguments)}: {time.monotonic() - began:.0f} s")
        assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def kubectl(self, arguments: str, stdin: str = "") -> str:
        """Return the output of kubectl, which runs on the machine."""
        # Not a cache in root's home, where the test of reset would find it.
        command = (
            f"kubectl --kubeconfig=/etc/kubernetes/admin.conf --cache-dir=/run/kubectl-of-tests {arguments}"
        )
        if stdin:
            command = f"{command} <<'END'\n{stdin}\nEND\n"
        return self.machine.run(command, timeout=900)


@pytest.fixture(scope="session")
def machine() -> Iterator[VirtualMachine]:
    """A machine with swap, switched on."""
    if os.geteuid() != 0:
        pytest.skip("builds a box as root")
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail(f"another run uses {DIRECTORY}")
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        DIRECTORY.mkdir(mode=0o700)
        try:
            yield from _run_machine()
        finally:
            shutil.rmtree(DIRECTORY)


def _run_machine() -> Iterator[VirtualMachine]:
    emulator.install_packages(*emulator.PACKAGES)
    began = time.monotonic()
    file = box.build_box(DIRECTORY / "debian13.box")
    print(f"box: {time.monotonic() - began:.0f} s")
    found = VirtualMachine(DIRECTORY, box.extract_disk(file, DIRECTORY))
    try:
        print(f"first login after {found.start():.0f} s")
        found.run(
            "fallocate -l 256M /swapfile && chmod 600 /swapfile && mkswap /swapfile"
            " && echo '/swapfile none swap sw 0 0' >> /etc/fstab && systemctl daemon-reload && swapon -a"
        )
        yield found
    finally:
        found.cut_power()


@pytest.fixture(scope="session")
def cluster(machine: VirtualMachine) -> Cluster:
    """`kprov up` on the machine."""
    before = read_host_state(machine)
    inventory = DIRECTORY / "inventory"
    inventory.mkdir()
    groups: dict[str, dict[str, dict[str, object]]] = {
        name: {"hosts": {NAME: {}}} for name in ("kube_control_plane", "etcd", "kube_node")
    }
    hosts = {"all": {"hosts": {NAME: machine.host_variables}, "children": groups}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (inventory / "group_vars").mkdir()
    shutil.copy(SLOW_MACHINES, inventory / "group_vars/all.yml")
    found = Cluster(machine, inventory, before)
    found.kprov("up")
    return found
