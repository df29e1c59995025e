"""The kernel, its features and control groups, systemd, memory, CPUs, swap and the clock."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from typing import Any

from kprov.agent.facts.read import read_line, read_lines, read_text

#: Features by name: the files of which one exists if the running kernel has it, and its module.
_FEATURES = {
    "overlayfs": ((), "overlay"),
    "bridge netfilter": (("/proc/sys/net/bridge",), "br_netfilter"),
    "connection tracking": (("/proc/sys/net/netfilter/nf_conntrack_max",), "nf_conntrack"),
    "seccomp": (("/proc/sys/kernel/seccomp",), ""),
    "bpf": (("/proc/sys/kernel/unprivileged_bpf_disabled", "/proc/sys/net/core/bpf_jit_enable"), ""),
    "network namespaces": (("/proc/self/ns/net",), ""),
    "pid namespaces": (("/proc/self/ns/pid",), ""),
    "mount namespaces": (("/proc/self/ns/mnt",), ""),
    "ipc namespaces": (("/proc/self/ns/ipc",), ""),
    "uts namespaces": (("/proc/self/ns/uts",), ""),
}
_NETLINK_NETFILTER = 12
#: NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN of linux/netfilter/nf_tables.h.
_GETGEN = 10 << 8 | 16
#: STA_UNSYNC of adjtimex(2).
_UNSYNCHRONIZED = 0x40


def read_system() -> dict[str, Any]:
    """Return what the host is."""
    name = os.uname()
    return {
        "kernel": name.release,
        "architecture": name.machine,
        "systemd": os.path.isdir("/run/systemd/system"),
        # systemd writes it in containers; they have the clock and the kernel of their machine.
        "container": read_line("/run/systemd/container"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20),
        "swap": [row.split()[0] for row in read_lines("/proc/swaps")[1:]],
        "cgroups": _read_cgroups(),
        "features": _read_features(name.release),
        "clock_synchronized": _is_clock_synchronized(),
    }


def read_identity() -> dict[str, Any]:
    """Return what must differ between hosts."""
    macs = {}
    for name in os.listdir("/sys/class/net"):
        mac = read_line(f"/sys/class/net/{name}/address")
        if mac and mac != "00:00:00:00:00:00":
            macs[name] = mac
    return {
        "machine_id": read_line("/etc/machine-id"),
        "host_name": socket.gethostname(),
        "product_uuid": read_line("/sys/class/dmi/id/product_uuid").lower(),
        "macs": macs,
    }


def _read_cgroups() -> dict[str, Any]:
    controllers = read_text("/sys/fs/cgroup/cgroup.controllers")
    if controllers is not None:
        return {"version": 2, "controllers": controllers.split()}
    rows = [row.split() for row in read_lines("/proc/cgroups") if not row.startswith("#")]
    return {"version": 1, "controllers": [row[0] for row in rows if row[3:] == ["1"]]}


def _read_features(release: str) -> dict[str, bool | None]:
    """Return whether the kernel has each feature or can load it; None if that is unknown."""
    modules = _list_modules(release)
    filesystems = {row.split()[-1] for row in read_lines("/proc/filesystems")}
    features: dict[str, bool | None] = {}
    for name, (files, module) in _FEATURES.items():
        there = any(os.path.exists(path) for path in files) or module in filesystems
        features[name] = there or _has_module(module, modules)
    features["nftables"] = _has_nftables() or _has_module("nf_tables", modules)
    return features


def _has_module(module: str, modules: set[str] | None) -> bool | None:
    if module and os.path.isdir(f"/sys/module/{module}"):
        return True
    # Without a list of modules (a container), the machine may still load one.
    return None if module and modules is None else module in (modules or ())


def _list_modules(release: str) -> set[str] | None:
    """Return the names of all modules of the running kernel, also of those built in; None without a list."""
    rows = read_lines(f"/lib/modules/{release}/modules.dep")
    rows += read_lines(f"/lib/modules/{release}/modules.builtin")
    if not rows:
        return None
    return {os.path.basename(row.split(":")[0]).split(".ko")[0].replace("-", "_") for row in rows}


def _has_nftables() -> bool:
    """Ask the kernel for the generation of its nftables rules."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock,
    ):
        sock.settimeout(1)
        sock.bind((0, 0))
        # A netlink header with NLM_F_REQUEST, then nfgenmsg.
        sock.send(struct.pack("=IHHIIBBH", 20, _GETGEN, 1, 1, 0, 0, 0, 0))
        kind = struct.unpack_from("=IH", sock.recv(1 << 12))[1]
        return bool(kind != 2)  # NLMSG_ERROR
    return False


def _is_clock_synchronized() -> bool | None:
    """Ask the kernel (adjtimex) whether a time service keeps the clock; None if it does not answer."""
    import ctypes

    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # struct timex starts with modes and, after four longs, has status as an int.
        buffer = ctypes.create_string_buffer(256)
        if libc.adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    word = ctypes.sizeof(ctypes.c_long)
    status = struct.unpack_from("=i", buffer.raw, 5 * word)[0]
    return not status & _UNSYNCHRONIZED


def read_time() -> float:
    """Return the host's time in seconds since 1970."""
    return time.time()
