"""Facts about mounts, block devices and LVM."""

from __future__ import annotations

import os
import re
import shutil
import threading
from typing import Any

from kprov.agent import process
from kprov.agent.facts.read import read_lines, read_text

#: Prefixes of file system types whose server may not answer.
_REMOTE = ("nfs", "cifs", "smb", "fuse", "ceph", "gluster", "9p", "afs")


def read_mounts(timeout: int) -> dict[str, Any]:
    """Read mounts of devices and servers. Omit the sizes if a server does not answer in `timeout` seconds."""
    uuids = {os.path.realpath(path): name for name, path in _read_links("uuid")}
    bind_mounts = _bind_mounts()
    mounts = []
    for row in read_lines("/proc/self/mounts"):
        device, point, kind, options, dump, passno = (_unescape(word) for word in row.split()[:6])
        if (not device.startswith(("/", "\\")) and ":/" not in device) or kind == "none":
            continue
        entry: dict[str, Any] = {
            "mount": point,
            "device": device,
            "fstype": kind,
            "options": options + (",bind" if point in bind_mounts else ""),
            "dump": int(dump),
            "passno": int(passno),
        }
        entry.update(_read_sizes(point, timeout if kind.startswith(_REMOTE) else 0))
        entry["uuid"] = uuids.get(os.path.realpath(device), "N/A")
        mounts.append(entry)
    return {"mounts": mounts}


def _unescape(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def _bind_mounts() -> set[str]:
    """Return the mount points that show only a part of their file system."""
    rows = [row.split() for row in read_lines("/proc/self/mountinfo")]
    return {_unescape(row[4]) for row in rows if row[3] != "/"}


def _read_sizes(point: str, timeout: int) -> dict[str, int]:
    results: list[os.statvfs_result] = []

    def read_status() -> None:
        try:
            results.append(os.statvfs(point))
        except OSError:
            return

    if timeout:
        thread = threading.Thread(target=read_status, daemon=True)
        thread.start()
        thread.join(timeout)
    else:
        read_status()
    if not results:
        return {}
    status = results[0]
    return {
        "size_total": status.f_frsize * status.f_blocks,
        "size_available": status.f_frsize * status.f_bavail,
        "block_size": status.f_bsize,
        "block_total": status.f_blocks,
        "block_available": status.f_bavail,
        "block_used": status.f_blocks - status.f_bavail,
        "inode_total": status.f_files,
        "inode_available": status.f_favail,
        "inode_used": status.f_files - status.f_favail,
    }


def _read_links(kind: str) -> list[tuple[str, str]]:
    folder = f"/dev/disk/by-{kind}"
    try:
        return [(name, os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    except OSError:
        return []


def read_devices() -> dict[str, Any]:
    links: dict[str, dict[str, list[str]]] = {"ids": {}, "uuids": {}, "labels": {}, "masters": {}}
    for kind in ("id", "uuid", "label"):
        for name, path in _read_links(kind):
            links[kind + "s"].setdefault(os.path.basename(os.path.realpath(path)), []).append(name)
    blocks = sorted(os.listdir("/sys/block")) if os.path.isdir("/sys/block") else []
    for block in blocks:
        folder = f"/sys/block/{block}/slaves"
        for device in os.listdir(folder) if os.path.isdir(folder) else []:
            links["masters"].setdefault(device, []).append(block)
    pci = _read_pci()
    return {"devices": {block: _read_device(block, links, pci) for block in blocks}, "device_links": links}


def _read_pci() -> dict[str, str]:
    if not shutil.which("lspci"):
        return {}
    rows = (row.partition(" ") for row in process.run_program(["lspci", "-D"])[1].splitlines())
    return {number: name for number, _, name in rows}


def _read_device(block: str, links: dict[str, dict[str, list[str]]], pci: dict[str, str]) -> dict[str, Any]:
    base = f"/sys/block/{block}"
    facts: dict[str, Any] = {
        "virtual": 1,
        "links": {kind: names_by_device.get(block, []) for kind, names_by_device in links.items()},
    }
    for name in ("vendor", "model", "sas_address", "sas_device_handle"):
        facts[name] = read_text(f"{base}/device/{name}")
    serial = read_text(f"{base}/device/serial")
    if serial:
        facts["serial"] = serial
    wwn = next((name[4:] for name in links["ids"].get(block, []) if name.startswith("wwn-")), None)
    if wwn:
        facts["wwn"] = wwn
    no_discard = read_text(f"{base}/queue/discard_max_hw_bytes") == "0"
    scheduler = re.search(r"\[(.*)\]", read_text(f"{base}/queue/scheduler") or "")
    address = re.search(r"/([a-f0-9]{4}:[a-f0-9]{2}:[01][a-f0-9]\.[0-7])/", os.path.realpath(base) + "/")
    facts.update(
        removable=read_text(f"{base}/removable"),
        support_discard="0" if no_discard else read_text(f"{base}/queue/discard_granularity"),
        rotational=read_text(f"{base}/queue/rotational"),
        scheduler_mode=scheduler[1] if scheduler else "",
        host=pci.get(address[1], "") if address else "",
        holders=_read_holders(base),
        **_format_size(base, base),
    )
    names = (re.search(rf"({re.escape(block)}p?\d+)", name) for name in os.listdir(base))
    facts["partitions"] = {match[1]: _read_partition(base, match[1], links) for match in names if match}
    return facts


def _read_partition(base: str, name: str, links: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    path = f"{base}/{name}"
    partition_links: dict[str, list[str]] = {
        kind: names_by_device.get(name, []) for kind, names_by_device in links.items()
    }
    return {
        "links": partition_links,
        "start": read_text(f"{path}/start") or "0",
        "uuid": next(iter(partition_links["uuids"]), None),
        "holders": _read_holders(path),
        **_format_size(path, path),
    }


def _format_size(base: str, queue: str) -> dict[str, Any]:
    """Return the size in the device's sectors; the kernel counts sectors of 512 bytes."""
    size = read_text(f"{queue}/queue/logical_block_size") or read_text(f"{queue}/queue/hw_sector_size") or 512
    sectors = int(read_text(f"{base}/size") or 0) * 512 // int(size)
    return {"sectorsize": size, "sectors": sectors, "size": _human_size(sectors * int(size))}


def _human_size(size: float) -> str:
    for unit, limit in (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= limit:
            return f"{size / limit:.2f} {unit}"
    return f"{size:.2f} Bytes"


def _read_holders(base: str) -> list[str]:
    folder = f"{base}/holders"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [read_text(f"{folder}/{name}/dm/name") or name for name in names if name.startswith("dm-")]


def read_lvm() -> dict[str, Any]:
    """Read volume groups, logical and physical volumes; "N/A" without root's rights or without LVM."""
    if os.geteuid() != 0 or not shutil.which("vgs"):
        return {"lvm": "N/A"}

    def rows(program: str, fields: str) -> list[list[str]]:
        options = ["--noheadings", "--nosuffix", "--units", "g", "--separator", ",", "-o", fields]
        output = process.run_program([program, *options])[1]
        return [line.strip().split(",") for line in output.splitlines() if line.strip()]

    groups = {
        name: {"size_g": size, "free_g": free, "num_lvs": volumes, "num_pvs": devices}
        for name, size, free, volumes, devices in rows("vgs", "vg_name,vg_size,vg_free,lv_count,pv_count")
    }
    volumes = {
        name: {"size_g": size, "vg": group} for name, group, size in rows("lvs", "lv_name,vg_name,lv_size")
    }
    physical = {
        name: {"size_g": size, "free_g": free, "vg": group}
        for name, group, size, free in rows("pvs", "pv_name,vg_name,pv_size,pv_free")
    }
    return {"lvm": {"lvs": volumes, "vgs": groups, "pvs": physical}}
