"""The distribution, from os-release and the files that Ansible reads beside it."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from kprov.agent.facts.read import read_line, read_lines, read_text

_NAMES = {
    "debian": "Debian", "ubuntu": "Ubuntu", "rhel": "RedHat", "rocky": "Rocky", "almalinux": "AlmaLinux",
    "centos": "CentOS", "ol": "OracleLinux", "fedora": "Fedora", "alpine": "Alpine", "amzn": "Amazon",
    "opensuse-leap": "openSUSE Leap", "opensuse-tumbleweed": "openSUSE Tumbleweed", "sles": "SLES",
    "arch": "Archlinux", "gentoo": "Gentoo", "linuxmint": "Linux Mint", "raspbian": "Debian",
    "flatcar": "Flatcar",
}  # fmt: skip
_FAMILIES = {
    **dict.fromkeys(("debian", "ubuntu", "linuxmint", "raspbian"), "Debian"),
    **dict.fromkeys(("rhel", "rocky", "almalinux", "centos", "ol", "fedora", "amzn"), "RedHat"),
    **dict.fromkeys(("opensuse-leap", "opensuse-tumbleweed", "sles", "suse", "opensuse"), "Suse"),
    "alpine": "Alpine",
    "arch": "Archlinux",
    "gentoo": "Gentoo",
    "flatcar": "Flatcar",
}


def read_distribution(root: str = "") -> dict[str, Any]:
    """Read the distribution, its version and release; `root` is the folder that has etc."""
    fields: dict[str, str] = {}
    for row in read_lines(f"{root}/etc/os-release"):
        key, equals, value = row.partition("=")
        if equals and not key.startswith("#"):
            fields[key] = " ".join(shlex.split(value))
    name = fields.get("ID", "")
    words = [name, *fields.get("ID_LIKE", "").split()]
    family = next((_FAMILIES[word] for word in words if word in _FAMILIES), fields.get("NAME", "NA"))
    version = fields.get("VERSION_ID", "NA")
    facts = {
        "distribution": _NAMES.get(name, fields.get("NAME", "NA")),
        "distribution_version": version,
        "distribution_release": fields.get("VERSION_CODENAME") or _find_codename(fields) or "NA",
        "distribution_major_version": version.split(".")[0],
        "os_family": family,
    }
    facts.update(_FILES.get(family, _read_os_release)(root, facts))
    return facts


def _find_codename(fields: dict[str, str]) -> str:
    match = re.search(r"\(([^)]+)\)", fields.get("VERSION", ""))
    return match[1] if match else ""


def _describe_file(path: str, variety: str) -> dict[str, Any]:
    return {
        "distribution_file_parsed": True,
        "distribution_file_path": path,
        "distribution_file_variety": variety,
    }


def _parse_debian(root: str, facts: dict[str, Any]) -> dict[str, Any]:
    facts_from_file = _describe_file("/etc/os-release", "Debian")
    full_version = read_line(f"{root}/etc/debian_version")
    if facts["distribution"] == "Debian" and full_version[:1].isdigit():
        facts_from_file["distribution_version"] = full_version
        if "." in full_version:
            facts_from_file["distribution_minor_version"] = full_version.split(".")[1]
    return facts_from_file


def _parse_redhat(root: str, facts: dict[str, Any]) -> dict[str, Any]:
    if not os.path.exists(f"{root}/etc/redhat-release"):
        return _read_os_release(root, facts)
    facts_from_file = _describe_file("/etc/redhat-release", "RedHat")
    text = read_text(f"{root}/etc/redhat-release") or ""
    if facts["distribution"] == "CentOS" and "Stream" in text:
        facts_from_file["distribution_release"] = "Stream"
    return facts_from_file


def _parse_alpine(root: str, facts: dict[str, Any]) -> dict[str, Any]:
    version = read_line(f"{root}/etc/alpine-release") or facts["distribution_version"]
    return {**_describe_file("/etc/alpine-release", "Alpine"), "distribution_version": version}


def _parse_suse(root: str, facts: dict[str, Any]) -> dict[str, Any]:
    del root
    version = str(facts["distribution_version"])
    minor = version.split(".")[1] if "." in version else "0"
    facts_from_file = _describe_file("/etc/os-release", "SUSE")
    return {**facts_from_file, "distribution_minor_version": minor, "distribution_release": minor}


def _read_os_release(root: str, facts: dict[str, Any]) -> dict[str, Any]:
    is_present = os.path.exists(f"{root}/etc/os-release")
    return _describe_file("/etc/os-release", str(facts["distribution"])) if is_present else {}


_FILES = {"Debian": _parse_debian, "RedHat": _parse_redhat, "Alpine": _parse_alpine, "Suse": _parse_suse}
