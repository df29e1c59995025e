"""The distribution, from os-release."""

from __future__ import annotations

import shlex
from typing import Any

_NAMES = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "rhel": "RedHat",
    "rocky": "Rocky",
    "almalinux": "AlmaLinux",
    "centos": "CentOS",
    "fedora": "Fedora",
    "alpine": "Alpine",
    "amzn": "Amazon",
    "opensuse-leap": "openSUSE Leap",
}
_FAMILIES = {
    "debian": "Debian",
    "ubuntu": "Debian",
    "rhel": "RedHat",
    "rocky": "RedHat",
    "almalinux": "RedHat",
    "centos": "RedHat",
    "fedora": "RedHat",
    "amzn": "RedHat",
    "alpine": "Alpine",
    "opensuse-leap": "Suse",
}


def gather(path: str = "/etc/os-release") -> dict[str, Any]:
    fields: dict[str, str] = {}
    try:
        with open(path) as file:
            for line in file:
                key, found, value = line.strip().partition("=")
                if found and not key.startswith("#"):
                    fields[key] = " ".join(shlex.split(value))
    except OSError:
        pass
    name = fields.get("ID", "")
    version = fields.get("VERSION_ID", "NA")
    like = fields.get("ID_LIKE", "").split()
    family = next((_FAMILIES[word] for word in [name, *like] if word in _FAMILIES), fields.get("NAME", "NA"))
    full = version
    if name == "debian":
        try:
            with open("/etc/debian_version") as file:
                found_version = file.read().strip()
            full = found_version if found_version[:1].isdigit() else version
        except OSError:
            pass
    return {
        "distribution": _NAMES.get(name, fields.get("NAME", "NA")),
        "distribution_version": full if name == "debian" else version,
        "distribution_release": fields.get("VERSION_CODENAME", "NA"),
        "distribution_major_version": version.split(".")[0],
        "distribution_minor_version": [*full.split("."), "NA"][1],
        "distribution_file_path": path,
        "distribution_file_parsed": bool(fields),
        "os_family": family,
        "lsb": {
            "id": _NAMES.get(name, name),
            "release": version,
            "codename": fields.get("VERSION_CODENAME", ""),
        },
    }
