"""Python, package and service managers, systemd, LSB, the SSH server's keys."""

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
    """The family's own manager where it is there, else the first that is."""
    there = [name for path, name in _MANAGERS if os.path.exists(path)]
    facts = distribution.read_distribution()
    own = [name for name in there if name in _OF_FAMILY.get(facts["os_family"], ())]
    if "dnf5" in own and "dnf" in own:
        major = str(facts["distribution_major_version"])
        new = facts["distribution"] == "Fedora" and major.isdigit() and int(major) >= 41
        own = ["dnf5" if new else "dnf"]
    return {"pkg_mgr": (own or there or ["unknown"])[0]}


def find_service_manager() -> dict[str, Any]:
    if any(os.path.exists(path) for path in ("/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd")):
        return {"service_mgr": "systemd"}
    first = read_line("/proc/1/comm")
    if os.path.islink("/sbin/init") and os.path.basename(os.readlink("/sbin/init")) == "systemd":
        return {"service_mgr": "systemd"}
    if first in ("runit-init", "s6-svscan", "dinit"):
        return {"service_mgr": {"runit-init": "runit", "s6-svscan": "s6", "dinit": "dinit"}[first]}
    if os.path.exists("/sbin/openrc"):
        return {"service_mgr": "openrc"}
    return {"service_mgr": "sysvinit" if os.path.exists("/etc/init.d/") else first or "service"}


def read_systemd() -> dict[str, Any]:
    """The manager's version and features."""
    if not os.path.isdir("/run/systemd/system"):
        return {}
    try:
        place = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
        if systemd.MANAGER.usable():
            found = systemd.MANAGER.get(*place, ["Version", "Features"])
            return _systemd(str(found["Version"]), str(found["Features"]))
    except (DBusError, OSError):
        pass
    try:
        code, out, _ = process.run_program(["systemctl", "--version"])
    except OSError:
        return {}
    said = out.splitlines()
    return {} if code or len(said) < 2 else _systemd(said[0].split()[1], said[1])


def _systemd(version: str, features: str) -> dict[str, Any]:
    number = re.match(r"v?(\d+)", version)
    return {"systemd": {"version": int(number[1]) if number else 0, "features": features}}


def read_lsb() -> dict[str, Any]:
    """What lsb_release says, else /etc/lsb-release."""
    found: dict[str, str] = {}
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
            found[names[name.strip()]] = value.strip().strip("\"'")
    if "release" in found:
        found["major_release"] = found["release"].split(".")[0]
    return {"lsb": found}


def read_ssh_keys() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for folder in ("/etc/ssh", "/etc/openssh", "/etc"):
        for kind in ("dsa", "rsa", "ecdsa", "ed25519"):
            words = (read_text(f"{folder}/ssh_host_{kind}_key.pub") or "").split()
            if len(words) > 1:
                found[f"ssh_host_key_{kind}_public"] = words[1]
                found[f"ssh_host_key_{kind}_public_keytype"] = words[0]
        if found:
            break
    return found
