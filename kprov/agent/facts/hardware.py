"""Processors, memory, mounts, uptime, virtualization."""

from __future__ import annotations

import os
from typing import Any


def gather() -> dict[str, Any]:
    memory = {}
    with open("/proc/meminfo") as file:
        for line in file:
            key, value = line.split(":", 1)
            memory[key] = int(value.split()[0]) // 1024
    models, cpus, cores = [], 0, set()
    with open("/proc/cpuinfo") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == "processor":
                cpus += 1
            elif key.strip() == "model name":
                models.append(value.strip())
            elif key.strip() == "core id":
                cores.add(value.strip())
    with open("/proc/uptime") as file:
        uptime = int(float(file.read().split()[0]))
    free = memory.get("MemFree", 0)
    available = free + memory.get("Buffers", 0) + memory.get("Cached", 0)
    return {
        "memtotal_mb": memory.get("MemTotal", 0),
        "memfree_mb": free,
        "swaptotal_mb": memory.get("SwapTotal", 0),
        "swapfree_mb": memory.get("SwapFree", 0),
        "memory_mb": {
            "real": {
                "total": memory.get("MemTotal", 0),
                "free": free,
                "used": memory.get("MemTotal", 0) - free,
            },
            "nocache": {"free": available, "used": memory.get("MemTotal", 0) - available},
            "swap": {
                "total": memory.get("SwapTotal", 0),
                "free": memory.get("SwapFree", 0),
                "used": memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
                "cached": memory.get("SwapCached", 0),
            },
        },
        "processor": models,
        "processor_count": 1,
        "processor_cores": max(1, len(cores)),
        "processor_vcpus": max(1, cpus),
        "processor_nproc": len(os.sched_getaffinity(0)),
        "processor_threads_per_core": max(1, cpus // max(1, len(cores))),
        "uptime_seconds": uptime,
        "mounts": _mounts(),
        "virtualization_type": _virtualization(),
        "virtualization_role": "guest" if _virtualization() else "NA",
    }


def _mounts() -> list[dict[str, Any]]:
    found = []
    with open("/proc/self/mounts") as file:
        for line in file:
            device, mount, kind, options = line.split()[:4]
            if not device.startswith("/") and kind != "overlay":
                continue
            try:
                now = os.statvfs(mount)
            except OSError:
                continue
            found.append(
                {
                    "device": device,
                    "mount": mount,
                    "fstype": kind,
                    "options": options,
                    "size_total": now.f_frsize * now.f_blocks,
                    "size_available": now.f_frsize * now.f_bavail,
                }
            )
    return found


def _virtualization() -> str:
    try:
        with open("/proc/1/environ", "rb") as file:
            for part in file.read().split(b"\0"):
                if part.startswith(b"container="):
                    return part[10:].decode()
    except OSError:
        pass
    try:
        with open("/sys/class/dmi/id/product_name") as file:
            name = file.read().strip()
        return "kvm" if "KVM" in name or "QEMU" in name else ""
    except OSError:
        return ""
