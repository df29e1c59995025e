"""Software on the host that a cluster is made of, or that conflicts with it."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent import process
from kprov.agent.facts.read import read_lines, read_text

_MARK = "Written by kprov"
_CNI = "/etc/cni/net.d"
_CNI_SUFFIXES = (".conf", ".conflist", ".json")


def read_software(
    own_files: dict[str, str],
    units: list[str],
    packages: list[str],
    paths: list[str],
    etcd_data_dir: str,
    authority: str,
) -> dict[str, Any]:
    """Return which of these exist.

    `own_files`: a file that kprov writes, by component; `units` of systemd; `authority`: the file of the CA.
    """
    return {
        "own": [name for name, path in own_files.items() if _has_mark(path)],
        "units": _read_units(units),
        "packages": _find_packages(packages),
        "paths": [path for path in paths if os.path.exists(path)],
        "ufw_enabled": any(row.strip().lower() == "enabled=yes" for row in read_lines("/etc/ufw/ufw.conf")),
        "cni_configs": sorted(name for name in _list_folder(_CNI) if name.endswith(_CNI_SUFFIXES)),
        "etcd_data": _list_folder(etcd_data_dir),
        "authority": read_text(authority) or "",
    }


def _has_mark(path: str) -> bool:
    return any(_MARK in row for row in read_lines(path)[:3])


def _list_folder(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _read_units(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return state and file of each loaded unit, from one run of systemctl."""
    try:
        _, out, _ = process.run_program(
            ["systemctl", "show", "--property=Id,LoadState,ActiveState,FragmentPath", *names]
        )
    except OSError:
        return {}
    units = {}
    for block in out.split("\n\n"):
        values = dict(row.split("=", 1) for row in block.splitlines() if "=" in row)
        if values.get("LoadState") == "loaded":
            active = values["ActiveState"] in ("active", "activating", "reloading")
            units[values["Id"]] = {"active": active, "path": values["FragmentPath"]}
    return units


def _find_packages(names: list[str]) -> list[str]:
    """Return which packages dpkg has installed; on a host without dpkg, rpm."""
    status = read_text("/var/lib/dpkg/status")
    if status is None:
        return _find_rpm_packages(names)
    packages = []
    for stanza in status.split("\n\n"):
        name = stanza[9 : stanza.find("\n")]
        if name in names and "\nStatus: install ok installed" in f"\n{stanza}":
            packages.append(name)
    return packages


def _find_rpm_packages(names: list[str]) -> list[str]:
    try:
        _, out, _ = process.run_program(["rpm", "--query", "--queryformat", "%{NAME}\n", *names])
    except OSError:
        return []
    return [name for name in names if name in out.splitlines()]
