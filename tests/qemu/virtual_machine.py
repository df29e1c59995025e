"""A virtual machine that QEMU runs as a child of the tests. It ends with them, also when they are killed."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.qemu import box, emulator

#: The machine's address in QEMU's user network.
ADDRESS = "10.0.2.15"
USER = "vagrant"
_ACCELERATORS = {
    # Wheels of numpy need x86-64-v2; the emulation of five-level page tables and of protection keys is incomplete.
    "tcg": ("-accel", "tcg,thread=multi", "-cpu", "max,-la57,-pku"),
    "kvm": ("-accel", "kvm", "-cpu", "host"),
}
#: Seconds. Without KVM a machine boots in one to two minutes on a busy computer.
BOOT_LIMIT = 900


class VirtualMachine:
    """One machine, whose ports for SSH and the API are forwarded from this computer's loopback address."""

    def __init__(self, directory: Path, image: Path, *, memory: int = 2048, cpus: int = 2) -> None:
        self.directory = directory
        self.key = directory / "key"
        self.console = directory / "console.log"
        self.ssh_port, self.api_port = _find_free_ports(2)
        self._disk = directory / "disk.qcow2"
        self._memory, self._cpus = memory, cpus
        self._qemu: subprocess.Popen[bytes] | None = None
        shutil.copy(box.find_private_key(), self.key)
        self.key.chmod(0o600)
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image), "-F", "qcow2", str(self._disk)]
        subprocess.run(create, check=True)

    def start(self) -> float:
        """Switch the machine on; return the seconds until it accepts a login."""
        began = time.monotonic()
        # The kernel ends QEMU with the tests.
        command = ["setpriv", "--pdeathsig", "KILL", *self._build_command()]
        self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        self.wait_for_login(BOOT_LIMIT)
        return time.monotonic() - began

    def cut_power(self) -> None:
        """End QEMU at once: the disk keeps what the machine has flushed, and perhaps more."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def wait_for_login(self, limit: float) -> None:
        """Wait until a command runs on the machine."""
        deadline = time.monotonic() + limit
        while self._ssh("true", timeout=60).returncode != 0:
            if self._qemu is None or self._qemu.poll() is not None:
                raise RuntimeError(f"QEMU ended:\n{self.read_console()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no login within {limit:.0f} s:\n{self.read_console()}")
            time.sleep(1)

    def run(self, script: str, *, timeout: float = 300) -> str:
        """Return the standard output of a Bash script that runs as root, in which no command may fail."""
        done = self._ssh("sudo bash -euo pipefail", script=script, timeout=timeout)
        assert done.returncode == 0, f"{script}\nexit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def read_console(self) -> str:
        """Return the end of what the machine wrote on its serial console."""
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        return text[-3000:]

    @property
    def host_variables(self) -> dict[str, str | int | bool]:
        """Variables of an inventory that reach the machine."""
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.ssh_port,
            "ansible_user": USER,
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": shlex.join(_SSH_OPTIONS),
            "ip": ADDRESS,
        }

    def _ssh(self, command: str, *, script: str = "", timeout: float) -> subprocess.CompletedProcess[str]:
        login = ["-p", str(self.ssh_port), "-i", str(self.key), f"{USER}@127.0.0.1"]
        options = [*_SSH_OPTIONS, "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "LogLevel=ERROR"]
        words = ["ssh", *options, *login, command]
        try:
            return subprocess.run(
                words, input=script, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(words, 255, "", f"did not end within {timeout:.0f} s")

    def _build_command(self) -> list[str]:
        forwards = f"hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22,hostfwd=tcp:127.0.0.1:{self.api_port}-:6443"
        return [
            emulator.find_emulator() or emulator.PROGRAM,
            *_ACCELERATORS[os.environ.get("KPROV_TEST_ACCELERATOR", "tcg")],
            *("-smp", str(self._cpus), "-m", str(self._memory)),
            *("-display", "none", "-monitor", "none"),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            # This computer's page cache is not used, and the machine's flushes reach the disk: a power cut is honest.
            *("-drive", f"file={self._disk},format=qcow2,if=virtio,cache=none"),
            *("-netdev", f"user,id=network,{forwards}", "-device", "virtio-net-pci,netdev=network"),
            *("-device", "virtio-rng-pci"),
        ]


_SSH_OPTIONS = ("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no")


def _find_free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
