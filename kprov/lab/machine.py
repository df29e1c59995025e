"""Runs a host as a systemd-nspawn process that outlives the command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from kprov.errors import HostError
from kprov.lab import cgroups, disk, isolation, network
from kprov.lab.definition import Host, Lab

BOOT_TIMEOUT = 60.0  # seconds until sshd must answer; one is typical
# systemd-nspawn exits with 133 when the host reboots. With --keep-unit it does not boot again by itself, and
# the cgroups must be prepared again. The shell that starts the host again must not be in the host's cgroups.
_REBOOT = """
python=$1 lab=$2 host=$3; shift 3
"$@"
[ $? -eq 133 ] && exec "$python" -c "$KPROV_START" "$lab" "$host"
"""
_START = "import sys; from kprov.lab.lifecycle import start_hosts; start_hosts(sys.argv[1], [sys.argv[2]])"
_ENTER = 'for group; do case "$group" in --) shift; break;; esac; echo $$ > "$group"; shift; done; exec "$@"'


def find_process(host: Host) -> int | None:
    """Return the process id of the host's nspawn, or None if it is off. It uses no record."""
    argument = f"--machine={host.machine}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has exited
            continue
        if argument in arguments and arguments[0].endswith(b"systemd-nspawn"):
            return int(folder.name)
    return None


def boot_host(lab: Lab, host: Host, image: Path) -> None:
    """Remove remains of an earlier run, start the host on its disk, and wait for sshd.

    Raises:
        HostError: it did not start; the message ends with its console.

    """
    clear_remains(host)
    root = disk.mount_root(host, image)
    namespace = network.connect_host(lab, host)
    groups = [str(file) for file in cgroups.create_groups(host)]
    isolation.deny_block_devices(host)
    console = host.folder / "console.log"
    with console.open("wb") as output:
        process = subprocess.Popen(
            [
                *("sh", "-c", _REBOOT, "sh", sys.executable, lab.name, host.name),
                *("sh", "-c", _ENTER, "sh", *groups, "--", *_nspawn_command(host, root, namespace)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_nspawn_environment() | {"KPROV_START": _START},
            cwd="/",
            start_new_session=True,  # the host keeps running when the command or its terminal ends
        )
    ending = time.monotonic() + BOOT_TIMEOUT
    init: int | None = None
    while time.monotonic() < ending:
        if process.poll() is not None:
            raise HostError(host.name, f"did not boot: {_console_tail(console)}")
        nspawn = find_process(host) if init is None else None
        if nspawn is not None and (init := find_init(nspawn)):
            cgroups.make_controllers_writable(init)
            isolation.protect_files(init)
        if init is not None and _answers_ssh(host.address):
            cgroups.let_init_find_controllers(init)
            return
        time.sleep(0.02)
    raise HostError(host.name, f"no sshd after {BOOT_TIMEOUT:.0f} s, see {console}: {_console_tail(console)}")


def kill_host(host: Host) -> bool:
    """Kill the host, like a power cut; its disk stays. Return False if it was off."""
    pid = find_process(host)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    clear_remains(host)
    return pid is not None


def clear_remains(host: Host) -> None:
    """Remove what a host may have left: processes, cgroups, mounts, network."""
    cgroups.kill_processes(host.lab, host.name)
    disk.unmount_below(host.folder / "root")
    network.disconnect_host(host)


def find_init(nspawn: int) -> int | None:
    """Return the machine's process id of the host's process 1; None before it exists."""
    with suppress(OSError):
        for child in Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text().split():
            for line in Path(f"/proc/{child}/status").read_text().splitlines():
                if line.startswith("NSpid:") and line.split()[1:] == [child, "1"]:
                    return _confirm_init(int(child))
    return None


def _confirm_init(pid: int) -> int | None:
    """Return the pid if nspawn's set-up is complete and it runs the host's init."""
    name = Path(f"/proc/{pid}/comm").read_text().strip()
    return pid if name in {"systemd", "init"} else None


def _nspawn_command(host: Host, root: Path, namespace: Path) -> list[str]:
    binds = [f"--bind={disk.plain_folder(host, place)}:/{place}" for place in disk.PLAIN]
    return [
        # nspawn itself runs in the host's network namespace: /sys shows that of the process that mounts it.
        "nsenter", f"--net={namespace}", "systemd-nspawn", "--quiet", "--boot",
        f"--directory={root}", f"--machine={host.machine}", f"--hostname={host.name}",
        f"--network-namespace-path={namespace}", "--keep-unit", "--register=no",
        *isolation.build_nspawn_options(), "--resolv-conf=off", "--timezone=off",
        "--link-journal=no", "--console=read-only", *binds,
    ]  # fmt: skip


def _nspawn_environment() -> dict[str, str]:
    variables = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        # /proc/sys and /sys are writable: a host sets kernel parameters, nftables and conntrack.
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
    }
    if not cgroups.is_v2():
        variables["SYSTEMD_NSPAWN_UNIFIED_HIERARCHY"] = "0"
    return variables


def _answers_ssh(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _console_tail(console: Path) -> str:
    lines = console.read_text(errors="replace").strip().splitlines()
    return "\n".join(lines[-5:]) or "(it wrote nothing)"
