"""Facts about Python, package and service managers, systemd, LSB and the SSH server's keys."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import Any

from kprov.agent import process
from kprov.agent.facts import distribution
from kprov.agent.facts.read import read_line, read_lines, read_text
from kprov.agent.services import systemd
from kprov.agent.services.dbus import DBusError

_VERSION = ("major", "minor", "micro", "releaselevel", "serial")


def read_python() -> dict[str, Any]:
    return {
        "python": {
            "executable": sys.executable,
            "type": sys.implementation.name,
            "has_sslcontext": True,
            "version": dict(zip(_VERSION, sys.version_info)),
            "version_info": list(sys.version_info),
        }
    }


_MANAGERS = (
    ("/usr/bin/apt-get", "apt"), ("/usr/bin/dnf5", "dnf5"), ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf", "dnf"), ("/usr/bin/yum", "yum"), ("/sbin/apk", "apk"), ("/usr/bin/zypper", "zypper"),
    ("/usr/bin/pacman", "pacman"),
    ("/usr/bin/emerge", "portage"),
)  # fmt: skip
_OF_FAMILY = {"Debian": ("apt",), "RedHat": ("dnf5", "dnf", "yum"), "Alpine": ("apk",), "Suse": ("zypper",)}


def find_package_manager() -> dict[str, Any]:
    """Find the package manager of the distribution's family, else the first one that is installed."""
    installed = [name for path, name in _MANAGERS if os.path.exists(path)]
    facts = distribution.read_distribution()
    family_managers = [name for name in installed if name in _OF_FAMILY.get(facts["os_family"], ())]
    if "dnf5" in family_managers and "dnf" in family_managers:
        major = str(facts["distribution_major_version"])
        uses_dnf5 = facts["distribution"] == "Fedora" and major.isdigit() and int(major) >= 41
        family_managers = ["dnf5" if uses_dnf5 else "dnf"]
    return {"pkg_mgr": (family_managers or installed or ["unknown"])[0]}


def find_service_manager() -> dict[str, Any]:
    if any(os.path.exists(path) for path in ("/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd")):
        return {"service_mgr": "systemd"}
    init_name = read_line("/proc/1/comm")
    if os.path.islink("/sbin/init") and os.path.basename(os.readlink("/sbin/init")) == "systemd":
        return {"service_mgr": "systemd"}
    if init_name in ("runit-init", "s6-svscan", "dinit"):
        return {"service_mgr": {"runit-init": "runit", "s6-svscan": "s6", "dinit": "dinit"}[init_name]}
    if os.path.exists("/sbin/openrc"):
        return {"service_mgr": "openrc"}
    return {"service_mgr": "sysvinit" if os.path.exists("/etc/init.d/") else init_name or "service"}


def read_systemd() -> dict[str, Any]:
    """Read systemd's version and features; no facts if systemd does not run."""
    if not os.path.isdir("/run/systemd/system"):
        return {}
    try:
        manager = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
        if systemd.MANAGER.is_usable():
            properties = systemd.MANAGER.get_properties(*manager, ["Version", "Features"])
            return _systemd_facts(str(properties["Version"]), str(properties["Features"]))
    except (DBusError, OSError):
        pass
    try:
        code, out, _ = process.run_program(["systemctl", "--version"])
    except OSError:
        return {}
    lines = out.splitlines()
    return {} if code or len(lines) < 2 else _systemd_facts(lines[0].split()[1], lines[1])


def _systemd_facts(version: str, features: str) -> dict[str, Any]:
    number = re.match(r"v?(\d+)", version)
    return {"systemd": {"version": int(number[1]) if number else 0, "features": features}}


def read_lsb() -> dict[str, Any]:
    """Read the output of lsb_release if it is installed, else /etc/lsb-release."""
    lsb: dict[str, str] = {}
    names = {
        "Distributor ID": "id", "DISTRIB_ID": "id", "Release": "release", "DISTRIB_RELEASE": "release",
        "Description": "description", "DISTRIB_DESCRIPTION": "description", "Codename": "codename",
        "DISTRIB_CODENAME": "codename",
    }  # fmt: skip
    if shutil.which("lsb_release"):
        code, out, _ = process.run_program(["lsb_release", "-a"])
        rows = [row.partition(":") for row in out.splitlines()] if code == 0 else []
    else:
        rows = [row.partition("=") for row in read_lines("/etc/lsb-release")]
    for name, _, value in rows:
        if name.strip() in names:
            lsb[names[name.strip()]] = value.strip().strip("\"'")
    if "release" in lsb:
        lsb["major_release"] = lsb["release"].split(".")[0]
    return {"lsb": lsb}


def read_ssh_keys() -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for folder in ("/etc/ssh", "/etc/openssh", "/etc"):
        for kind in ("dsa", "rsa", "ecdsa", "ed25519"):
            words = (read_text(f"{folder}/ssh_host_{kind}_key.pub") or "").split()
            if len(words) > 1:
                keys[f"ssh_host_key_{kind}_public"] = words[1]
                keys[f"ssh_host_key_{kind}_public_keytype"] = words[0]
        if keys:
            break
    return keys
