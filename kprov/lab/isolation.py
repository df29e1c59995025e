"""What a lab host, whose root is root of this machine too, may not change on the machine.

These bounds are against accidents: a role under test that sets a clock, loads a module or writes to a disk.
They are no defence against a hostile host, whose root keeps CAP_SYS_ADMIN in the machine's user namespace.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from kprov.errors import KprovError
from kprov.lab import cgroups
from kprov.lab.command import run_program
from kprov.lab.definition import Host

#: The clock, the modules, and the ports and memory of the hardware belong to the machine, in any namespace.
DROPPED_CAPABILITIES: Final = ("CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_TIME")
#: A host reboots itself with CAP_SYS_BOOT; the same capability would load another kernel for the machine.
DENIED_SYSTEM_CALLS: Final = ("kexec_load", "kexec_file_load")
#: Files of /proc and /sys that act on the whole machine, and that no role has to write.
PROTECTED_FILES: Final = (
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/sys/power",
)
_LOOP: Final = "loop"


def build_nspawn_options() -> list[str]:
    """Return the options of systemd-nspawn that bound a host."""
    return [
        "--capability=all",
        f"--drop-capability={','.join(DROPPED_CAPABILITIES)}",
        "--system-call-filter=@known",
        f"--system-call-filter=~{' '.join(DENIED_SYSTEM_CALLS)}",
    ]


def deny_block_devices(
    host: Host, root: Path = cgroups.ROOT, devices: Path = Path("/proc/devices")
) -> list[str]:
    """Keep a host from reading and writing the machine's disks; return the rules, none with cgroup v2.

    Loop devices stay: their contents are files. `mknod` stays too, since a container's runtime allows it to
    all containers, which it could not do below a group that denies it.
    """
    if cgroups.is_v2(root):  # rules are programs there, which need a BPF loader
        return []
    rules = [f"b {major}:* rw" for major in _list_block_majors(devices.read_text())]
    file = cgroups.find_group(root / "devices", host) / "devices.deny"
    with suppress(FileNotFoundError):  # a kernel without the controller
        for rule in rules:
            file.write_text(rule)
    return rules


def protect_files(init: int) -> None:
    """Make the files that act on the whole machine read-only in a booted host with pid `init`.

    Raises:
        KprovError: a file could not be protected.

    """
    script = (
        'for file; do [ -e "$file" ] || continue;'
        ' mount --bind "$file" "$file" && mount -o remount,ro,bind "$file" || exit 1; done'
    )
    run_program(["nsenter", "-t", str(init), "-m", "-p", "--", "sh", "-c", script, "sh", *PROTECTED_FILES])


def _list_block_majors(devices: str) -> list[int]:
    """Return the major numbers of the block devices in the text of /proc/devices, without loop devices."""
    _, heading, lines = devices.partition("Block devices:\n")
    if not heading:
        raise KprovError("/proc/devices lists no block devices")
    pairs = [line.split(maxsplit=1) for line in lines.splitlines() if line.strip()]
    return sorted({int(major) for major, name in pairs if name.strip() != _LOOP})
