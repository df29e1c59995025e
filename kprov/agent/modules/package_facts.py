# The signature is what callers expect.
"""ansible.builtin.package_facts, from dpkg's status file or rpm's database."""

from __future__ import annotations

import re
import shutil
from typing import Any

from kprov.agent.apt import commands as apt_commands
from kprov.agent.apt import package_state
from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "manager": {"type": "list", "elements": "str", "default": ["auto"]},
    "strategy": {"choices": ["first", "all"], "default": "first"},
}
RULES: dict[str, Any] = {"read_only": True}
_RPM = ("rpm", "dnf", "dnf5", "yum", "zypper")
#: Managers that Ansible knows and this module does not read.
_OTHERS = ("apk", "openbsd_pkg", "pacman", "pkg", "pkg5", "pkg_info", "pkgng", "portage")
Packages = dict[str, list[dict[str, Any]]]


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """ansible_facts.packages: {name: [{name, version, arch, category, origin, source}]}."""
    asked = [name.lower() for name in args["manager"]]
    unknown = sorted(set(asked) - {"auto", "apt", *_RPM, *_OTHERS})
    if unknown:
        raise ModuleError(f"Unsupported package managers requested: {', '.join(unknown)}")
    other = sorted(set(asked) & set(_OTHERS))
    if other:
        raise ModuleError(
            f"manager {', '.join(other)} is not supported; apt and rpm are: use command for others"
        )
    managers: list[str] = []
    for name in asked:
        managers += ["apt", "rpm"] if name == "auto" else ["rpm" if name in _RPM else name]
    found: Packages = {}
    for name in dict.fromkeys(managers):
        for package, several in (_apt() if name == "apt" else _rpm()).items():
            found.setdefault(package, []).extend(several)
        if found and args["strategy"] == "first":
            break
    if not found:
        text = f"Could not detect a supported package manager from the following list: {managers}, "
        raise ModuleError(
            text + "or the required Python library is not installed. Check warnings for details."
        )
    return {"ansible_facts": {"packages": found}}


def _apt() -> Packages:
    try:
        state = package_state.read_database()
    except FileNotFoundError:
        return {}
    there = [
        package
        for several in state.packages.values()
        for package in several
        if package.state not in ("not-installed", "config-files")
    ]
    names = [f"{package.name}:{package.architecture}" for package in there]
    origins, categories = _origins(names), _categories(names)
    found: Packages = {}
    for package in there:
        foreign = package.architecture not in ("all", state.native)
        name = f"{package.name}:{package.architecture}" if foreign else package.name
        found.setdefault(name, []).append(
            {
                "name": name,
                "version": package.version,
                "arch": package.architecture,
                "category": categories.get(
                    (package.name, package.version), package.fields.get("Section", "")
                ),
                "origin": origins.get((package.name, package.version), ""),
                "source": "apt",
            }
        )
    return found


def _origins(names: list[str]) -> dict[tuple[str, str], str]:
    """Who made the list that a package's version is in, by name and version."""
    if shutil.which("apt-cache") is None:
        return {}
    said: dict[str, str] = {}
    place = ""
    for line in apt_commands.run_command(["apt-cache", "policy"])[1].splitlines():
        source = re.match(r" *-?\d+ (\S.*)", line)
        release = re.match(r" +release (?:.*,)?o=([^,]*)", line)
        if source:
            place = source.group(1).strip()
        elif release:
            said.setdefault(place, release.group(1))
    found: dict[tuple[str, str], str] = {}
    name = version = ""
    for line in apt_commands.run_command(["apt-cache", "policy", "--", *names])[1].splitlines():
        if line and not line[0].isspace():
            name, version = line.rstrip(":").partition(":")[0], ""
        elif re.match(r"^ (\*\*\*|   ) \S", line):
            version = line[5:].split()[0]
        elif version and re.match(r" {8} *-?\d+ ", line):
            found.setdefault((name, version), said.get(line.split(None, 1)[1].strip(), ""))
    return found


def _categories(names: list[str]) -> dict[tuple[str, str], str]:
    """The sections that the archive has packages in, which need not be those they name themselves."""
    if shutil.which("apt-cache") is None:
        return {}
    found: dict[tuple[str, str], str] = {}
    for record in apt_commands.run_command(["apt-cache", "show", "--", *names])[1].split("\n\n"):
        told = dict(re.findall(r"^(Package|Version|Section): (.*)$", record, re.MULTILINE))
        if len(told) == 3:
            found.setdefault((told["Package"], told["Version"]), told["Section"])
    return found


def _rpm() -> Packages:
    if shutil.which("rpm") is None:
        return {}
    names = ("name", "version", "release", "epoch", "arch")
    form = "\\t".join(f"%{{{name.upper()}}}" for name in names) + "\\n"
    code, out, err = apt_commands.run_command(["rpm", "-qa", "--qf", form])
    if code:
        raise ModuleError(f"rpm -qa failed: {err.strip()}", rc=code)
    found: Packages = {}
    for line in out.splitlines():
        values = ["None" if value == "(none)" else value for value in line.split("\t")]
        package = {**dict(zip(names, values)), "source": "rpm"}
        found.setdefault(package["name"], []).append(package)
    return found
