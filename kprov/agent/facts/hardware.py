"""Facts about processors, memory, uptime, and the machine's firmware (DMI)."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.facts.read import read_lines, read_text

CPU = (
    *("processor", "processor_count", "processor_cores", "processor_threads_per_core", "processor_vcpus"),
    *("processor_nproc", "flags"),
)
MEMORY = ("memtotal_mb", "memfree_mb", "swaptotal_mb", "swapfree_mb", "memory_mb")
_NAMES = ("model name", "Processor", "vendor_id", "cpu", "Vendor", "processor")
_ONE_PER_CPU = ("armv", "aarch", "ppc")


def read_cpu() -> dict[str, Any]:
    """Count sockets, cores of the first socket and threads of a core in /proc/cpuinfo, as Ansible does."""
    processors: list[str] = []
    flags: list[str] = []
    counts = dict.fromkeys(_NAMES, 0)
    sockets: dict[str, int] = {}
    threads: dict[str, int] = {}
    socket, core = "0", "0"
    for row in read_lines("/proc/cpuinfo"):
        name, _, value = (part.strip() for part in row.partition(":"))
        if name in _NAMES:
            processors.append(value)
            counts[name] += 1
        elif name == "flags":
            flags = value.split()
        elif name == "physical id":
            socket = value
            sockets.setdefault(value, 1)
        elif name == "core id":
            core = value
            threads.setdefault(value, 1)
        elif name == "cpu cores":
            sockets[socket] = int(value)
        elif name == "siblings":
            threads[core] = int(value)
    number = len(processors)
    if counts["vendor_id"] and counts["vendor_id"] == counts["model name"]:
        number = counts["vendor_id"]
    if os.uname().machine.startswith(_ONE_PER_CPU):
        number = counts["processor"]
    cores = next(iter(sockets.values()), 1) or 1
    per_core = round(next(iter(threads.values()), 1) / cores)
    facts = {
        "processor": processors,
        "processor_count": len(sockets) or number,
        "processor_cores": cores,
        "processor_threads_per_core": per_core,
        "processor_vcpus": per_core * (len(sockets) or number) * cores,
        "processor_nproc": len(os.sched_getaffinity(0)),
    }
    return {**facts, "flags": flags} if flags else facts


def read_memory() -> dict[str, Any]:
    """Read the sizes of memory and swap in MiB."""
    sizes: dict[str, int] = {}
    for row in read_lines("/proc/meminfo"):
        name, value = row.split(":", 1)
        sizes[name] = int(value.split()[0]) // 1024
    total, free = sizes.get("MemTotal", 0), sizes.get("MemFree", 0)
    swap, swap_free = sizes.get("SwapTotal", 0), sizes.get("SwapFree", 0)
    cached = free + sizes.get("Cached", 0) + sizes.get("Buffers", 0)
    return {
        "memtotal_mb": total,
        "memfree_mb": free,
        "swaptotal_mb": swap,
        "swapfree_mb": swap_free,
        "memory_mb": {
            "real": {"total": total, "used": total - free, "free": free},
            "nocache": {"free": cached, "used": total - cached},
            "swap": {
                "total": swap,
                "free": swap_free,
                "used": swap - swap_free,
                "cached": sizes.get("SwapCached", 0),
            },
        },
    }


def read_uptime() -> dict[str, Any]:
    text = read_text("/proc/uptime")
    return {"uptime_seconds": int(float(text.split()[0]))} if text else {}


_DMI = (
    *("bios_date", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial"),
    *("board_vendor", "board_version", "chassis_asset_tag", "chassis_serial", "chassis_vendor"),
    *("chassis_version", "product_name", "product_serial", "product_uuid", "product_version"),
)
#: Chassis types of the SMBIOS specification, by number.
_FORMS = (
    "Unknown", "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower", "Tower",
    "Portable", "Laptop", "Notebook", "Hand Held", "Docking Station", "All In One", "Sub Notebook",
    "Space-saving", "Lunch Box", "Main Server Chassis", "Expansion Chassis", "Sub Chassis",
    "Bus Expansion Chassis", "Peripheral Chassis", "RAID Chassis", "Rack Mount Chassis",
    "Sealed-case PC", "Multi-system", "CompactPCI", "AdvancedTCA", "Blade", "Blade Enclosure", "Tablet",
    "Convertible", "Detachable", "IoT Gateway", "Embedded PC", "Mini PC", "Stick PC",
)  # fmt: skip


def read_dmi() -> dict[str, Any]:
    base = "/sys/devices/virtual/dmi/id"
    fields = {name: read_text(f"{base}/{name}") or "NA" for name in _DMI}
    kind = read_text(f"{base}/chassis_type") or ""
    has_name = kind.isdigit() and int(kind) < len(_FORMS)
    fields["form_factor"] = _FORMS[int(kind)] if has_name else "NA"
    return {**fields, "system_vendor": read_text(f"{base}/sys_vendor") or "NA"}
