"""Control groups of the hosts, on machines with cgroup v1 (also hybrid) and with v2.

Every host has its own group, kprov/LAB/HOST, in each hierarchy, and nspawn is started in it.
With v1, nspawn mounts the controllers read-only in the host; they are made writable after the start.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from kprov.errors import KprovError
from kprov.lab.command import run_program
from kprov.lab.definition import Host

ROOT = Path("/sys/fs/cgroup")
_PARENT = "kprov"
#: File, weight of one process, and greatest weight: of cgroup v1, of v2.
_WEIGHT_FILES = (("cpu.shares", 1024, 262144), ("cpu.weight", 100, 10000))


def is_v2(root: Path = ROOT) -> bool:
    return (root / "cgroup.controllers").exists()


def find_hierarchies(root: Path = ROOT) -> list[Path]:
    """Return the roots of all hierarchies: one with v2, one per controller with v1."""
    if is_v2(root):
        return [root]
    # Controllers that are mounted together are links to one folder.
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())


def find_group(hierarchy: Path, host: Host) -> Path:
    """Return the folder of the host's group in a hierarchy."""
    return hierarchy / _PARENT / host.lab / host.name


def create_groups(host: Host, root: Path = ROOT) -> list[Path]:
    """Make the host's groups; return the files to write a process id to."""
    files = []
    for hierarchy in find_hierarchies(root):
        group = hierarchy
        for part in (_PARENT, host.lab, host.name):
            _enable_controllers(group)
            group /= part
            group.mkdir(exist_ok=True)
            _fill_cpuset(group)
        files.append(group / "cgroup.procs")
        _weigh_groups(hierarchy / _PARENT)
    return files


def _weigh_groups(parent: Path) -> None:
    """Give each host the weight of one process, and the groups above the sum of their hosts.

    By default all labs together have the weight of one process: a busy machine would starve the hosts.
    """
    hosts = {lab: _list_folders(lab) for lab in _list_folders(parent)}
    _set_weight(parent, sum(len(names) for names in hosts.values()))
    for lab, names in hosts.items():
        _set_weight(lab, len(names))
        for host in names:
            _set_weight(host, 1)


def _set_weight(group: Path, hosts: int) -> None:
    for name, process, most in _WEIGHT_FILES:
        file = group / name
        if file.exists():
            with suppress(OSError):  # another command removes the group
                file.write_text(str(min(most, process * max(1, hosts))))


def _list_folders(group: Path) -> list[Path]:
    try:
        return [path for path in group.iterdir() if path.is_dir()]
    except FileNotFoundError:  # another command removed it
        return []


def make_controllers_writable(init: int) -> None:
    """Let a booted host with pid `init` write to its v1 controllers."""
    if is_v2():
        return
    readonly = []
    for line in Path(f"/proc/{init}/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if after.split()[0] == "cgroup" and "ro" in fields[5].split(","):
            readonly.append(fields[4])
    if readonly:
        script = 'for place; do mount -o remount,rw,bind "$place" || exit 1; done'
        run_program(["nsenter", "-t", str(init), "-m", "-p", "--", "sh", "-c", script, "sh", *readonly])


def let_init_find_controllers(init: int, *, timeout: float = 20.0) -> None:
    """Let systemd use the v1 controllers of a booted host with pid `init`.

    It looks at its start which ones it can write to, before make_controllers_writable. Without this, it
    accepts limits of units and slices and sets none of them.

    Raises:
        KprovError: systemd does not answer again.

    """
    if is_v2():
        return
    enter = ["nsenter", "-t", str(init), "-m", "-p", "--"]
    # It executes itself again with its present state. The units go on, and the command waits for the answer.
    run_program([*enter, "systemctl", "daemon-reexec"])
    ending = time.monotonic() + timeout
    while True:
        try:
            run_program([*enter, "systemctl", "show", "--property=Version"])
        except KprovError:
            if time.monotonic() > ending:
                raise
            time.sleep(0.02)
        else:
            return


def read_memory(host: Host, root: Path = ROOT) -> int | None:
    """Return the bytes of memory in use by the host, without reclaimable page cache."""
    v2 = is_v2(root)
    group = find_group(root if v2 else root / "memory", host)
    usage = _parse_number(group / ("memory.current" if v2 else "memory.usage_in_bytes"))
    if usage is None:
        return None
    cache = "inactive_file" if v2 else "total_inactive_file"
    for line in (group / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == cache:
            return max(0, usage - int(value))
    return usage


def kill_processes(lab: str, host: str, root: Path = ROOT, *, timeout: float = 10.0) -> None:
    """SIGKILL everything in the host's groups and remove them."""
    groups = [hierarchy / _PARENT / lab / host for hierarchy in find_hierarchies(root)]
    ending = time.monotonic() + timeout
    while (pids := _list_processes(groups)) and time.monotonic() < ending:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    while any(group.exists() for group in groups) and time.monotonic() < ending:
        for group in groups:
            _remove_group(group)
        time.sleep(0.01)


def remove_lab_groups(lab: str, root: Path = ROOT) -> list[str]:
    """Remove all groups of a lab with their processes; return the names of the hosts."""
    parents = [hierarchy / _PARENT / lab for hierarchy in find_hierarchies(root)]
    hosts = sorted(
        {group.name for parent in parents if parent.is_dir() for group in parent.iterdir() if group.is_dir()}
    )
    for host in hosts:
        kill_processes(lab, host, root)
    for parent in parents:
        _remove_group(parent)
        with suppress(OSError):  # it has groups of other labs, or does not exist
            parent.parent.rmdir()
    return hosts


def _list_processes(groups: list[Path]) -> set[int]:
    pids: set[int] = set()
    for group in groups:
        for folder in _walk_groups(group):
            with suppress(OSError):
                pids.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
    return pids - {0, os.getpid()}


def _remove_group(group: Path) -> None:
    """Remove a group and its subgroups; a busy one stays, and the caller retries."""
    if not group.is_dir():
        return
    for path in sorted(_walk_groups(group), key=lambda path: -len(path.parts)):
        with suppress(OSError):
            path.rmdir()


def _walk_groups(group: Path) -> list[Path]:
    """Return a group and its subgroups. Path.glob fails if groups disappear meanwhile."""
    return [Path(folder) for folder, _, _ in os.walk(group)]


def _enable_controllers(group: Path) -> None:
    """With v2: delegate the available controllers of a group to its children, one by one."""
    available = group / "cgroup.controllers"
    if not available.exists():
        return
    for controller in available.read_text().split():
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def _fill_cpuset(group: Path) -> None:
    """With v1: set the processors of a cpuset, which otherwise accepts no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file, above = group / name, group.parent / name
        if file.exists() and above.exists() and not is_v2(ROOT) and not file.read_text().strip():
            file.write_text(above.read_text())


def _parse_number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
