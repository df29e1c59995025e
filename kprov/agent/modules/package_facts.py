"""ansible.builtin.package_facts, from dpkg's status file or rpm's database."""

from __future__ import annotations

import re
import shutil
from typing import Any

from kprov.agent.apt import package_state
from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import run_program

ARGUMENTS: dict[str, dict[str, Any]] = {
    "manager": {"type": "list", "elements": "str", "default": ["auto"]},
    "strategy": {"choices": ["first", "all"], "default": "first"},
}
RULES: dict[str, Any] = {"read_only": True}
_RPM = ("rpm", "dnf", "dnf5", "yum", "zypper")
#: Managers that Ansible's module supports and this one does not.
_UNSUPPORTED = ("apk", "openbsd_pkg", "pacman", "pkg", "pkg5", "pkg_info", "pkgng", "portage")
Packages = dict[str, list[dict[str, Any]]]


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return ansible_facts.packages: {name: [{name, version, arch, category, origin, source}]}."""
    requested = [name.lower() for name in args["manager"]]
    unknown = sorted(set(requested) - {"auto", "apt", *_RPM, *_UNSUPPORTED})
    if unknown:
        raise ModuleError(f"Unsupported package managers requested: {', '.join(unknown)}")
    unsupported = sorted(set(requested) & set(_UNSUPPORTED))
    if unsupported:
        raise ModuleError(
            f"manager {', '.join(unsupported)} is not supported; apt and rpm are: use command for others"
        )
    managers: list[str] = []
    for name in requested:
        managers += ["apt", "rpm"] if name == "auto" else ["rpm" if name in _RPM else name]
    packages: Packages = {}
    for name in dict.fromkeys(managers):
        for package, entries in (_read_dpkg() if name == "apt" else _read_rpm()).items():
            packages.setdefault(package, []).extend(entries)
        if packages and args["strategy"] == "first":
            break
    if not packages:
        text = f"Could not detect a supported package manager from the following list: {managers}, "
        raise ModuleError(
            text + "or the required Python library is not installed. Check warnings for details."
        )
    return {"ansible_facts": {"packages": packages}}


def _read_dpkg() -> Packages:
    try:
        state = package_state.read_database()
    except FileNotFoundError:
        return {}
    installed = [
        package
        for same_name in state.packages.values()
        for package in same_name
        if package.state not in ("not-installed", "config-files")
    ]
    names = [f"{package.name}:{package.architecture}" for package in installed]
    origins, categories = _read_origins(names), _read_categories(names)
    packages: Packages = {}
    for package in installed:
        foreign = package.architecture not in ("all", state.native)
        name = f"{package.name}:{package.architecture}" if foreign else package.name
        packages.setdefault(name, []).append(
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
    return packages


def _read_origins(names: list[str]) -> dict[tuple[str, str], str]:
    """Return the origin of the list that has a package's version, by name and version."""
    if shutil.which("apt-cache") is None:
        return {}
    origin_of_source: dict[str, str] = {}
    source_line = ""
    for line in run_program(["apt-cache", "policy"])[1].splitlines():
        source = re.match(r" *-?\d+ (\S.*)", line)
        release = re.match(r" +release (?:.*,)?o=([^,]*)", line)
        if source:
            source_line = source.group(1).strip()
        elif release:
            origin_of_source.setdefault(source_line, release.group(1))
    origins: dict[tuple[str, str], str] = {}
    name = version = ""
    for line in run_program(["apt-cache", "policy", "--", *names])[1].splitlines():
        if line and not line[0].isspace():
            name, version = line.rstrip(":").partition(":")[0], ""
        elif re.match(r"^ (\*\*\*|   ) \S", line):
            version = line[5:].split()[0]
        elif version and re.match(r" {8} *-?\d+ ", line):
            origins.setdefault((name, version), origin_of_source.get(line.split(None, 1)[1].strip(), ""))
    return origins


def _read_categories(names: list[str]) -> dict[tuple[str, str], str]:
    """Return the sections of packages in the archive, which may differ from the packages' own fields."""
    if shutil.which("apt-cache") is None:
        return {}
    categories: dict[tuple[str, str], str] = {}
    for record in run_program(["apt-cache", "show", "--", *names])[1].split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Section): (.*)$", record, re.MULTILINE))
        if len(fields) == 3:
            categories.setdefault((fields["Package"], fields["Version"]), fields["Section"])
    return categories


def _read_rpm() -> Packages:
    if shutil.which("rpm") is None:
        return {}
    names = ("name", "version", "release", "epoch", "arch")
    form = "\\t".join(f"%{{{name.upper()}}}" for name in names) + "\\n"
    code, out, err = run_program(["rpm", "-qa", "--qf", form])
    if code:
        raise ModuleError(f"rpm -qa failed: {err.strip()}", rc=code)
    packages: Packages = {}
    for line in out.splitlines():
        values = ["None" if value == "(none)" else value for value in line.split("\t")]
        package = {**dict(zip(names, values)), "source": "rpm"}
        packages.setdefault(package["name"], []).append(package)
    return packages
