"""The installed packages of rpm. They are cached until rpm's database changes."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from dataclasses import dataclass

from kprov.agent.context import ModuleError
from kprov.agent.package_programs import find_program, run_program

_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_FORM = "%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\n"


@dataclass(frozen=True)
class Package:
    """An installed package."""

    name: str
    epoch: str
    version: str
    release: str
    arch: str

    @property
    def nevra(self) -> str:
        """Return name, epoch, version, release and architecture as dnf prints them: without an epoch of 0."""
        epoch = f"{self.epoch}:" if self.epoch != "0" else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}"

    def spec_forms(self) -> tuple[str, ...]:
        """Return all forms in which a package spec may name the package."""
        name, evr = self.name, f"{self.version}-{self.release}"
        full = f"{self.epoch}:{evr}"
        return (
            name,
            f"{name}.{self.arch}",
            f"{name}-{self.version}",
            f"{name}-{evr}",
            f"{name}-{evr}.{self.arch}",
            f"{name}-{full}",
            f"{name}-{full}.{self.arch}",
            f"{full[: len(self.epoch)]}:{name}-{evr}.{self.arch}",
        )


_cached: dict[str, tuple[object, list[Package]]] = {}


def list_installed(root: str = "/") -> list[Package]:
    """Return every installed package."""
    key = [_database_stamp(root, folder) for folder in _FOLDERS]
    if root not in _cached or _cached[root][0] != key or not any(key):
        where = [] if root == "/" else ["--root", root]
        code, out, err = run_program([find_program("rpm"), *where, "-qa", "--qf", _FORM])
        if code:
            raise ModuleError(f"rpm -qa failed: {err.strip()}", rc=code)
        packages = [Package(*line.split("\t")) for line in out.splitlines() if line.count("\t") == 4]
        _cached[root] = (key, [package for package in packages if package.name != "gpg-pubkey"])
    return _cached[root][1]


def _database_stamp(root: str, folder: str) -> tuple[int, int] | None:
    for name in ("rpmdb.sqlite-wal", "rpmdb.sqlite", "Packages.db", "Packages"):
        with contextlib.suppress(OSError):
            status = os.stat(os.path.join(root, folder.lstrip("/"), name))
            return status.st_mtime_ns, status.st_size
    return None


def find_packages(spec: str, root: str = "/") -> list[Package]:
    """Return the installed packages that a spec (name, version, pattern, file, provided name) matches."""
    relation = re.fullmatch(r"(\S+)\s*(<=|>=|<|>|=)\s*(\S+)", spec)
    if relation:
        name, operator, version = relation.groups()
        return [p for p in list_installed(root) if p.name == name and _has_version(p, operator, version)]
    matches = [
        p for p in list_installed(root) if any(fnmatch.fnmatchcase(form, spec) for form in p.spec_forms())
    ]
    if matches or frozenset("*?[") & frozenset(spec):
        return matches
    where = [] if root == "/" else ["--root", root]
    kind = "-qf" if spec.startswith("/") else "-q"
    command = [find_program("rpm"), *where, kind, *([] if kind == "-qf" else ["--whatprovides"])]
    code, out, _ = run_program([*command, "--qf", _FORM, spec])
    return (
        [Package(*line.split("\t")) for line in out.splitlines() if line.count("\t") == 4] if not code else []
    )


def is_newer_installed(spec: str, root: str = "/") -> bool:
    """Whether a later version is installed than the one in the spec."""
    for package in list_installed(root):
        if not spec.startswith(f"{package.name}-"):
            continue
        version = spec[len(package.name) + 1 :]
        if version[:1].isdigit():
            version = re.sub(rf"\.({re.escape(package.arch)}|noarch)$", "", version)
            if _compare_packages(package, version) > 0:
                return True
    return False


def _has_version(package: Package, operator: str, version: str) -> bool:
    comparison = _compare_packages(package, version)
    return {
        "<": comparison < 0,
        "<=": comparison <= 0,
        "=": comparison == 0,
        ">=": comparison >= 0,
        ">": comparison > 0,
    }[operator]


def _compare_packages(package: Package, evr: str) -> int:
    epoch, colon, version_release = evr.partition(":")
    version, _, release = (version_release if colon else evr).partition("-")
    if colon and package.epoch != epoch:
        return int(package.epoch) - int(epoch)
    comparison = compare_versions(package.version, version)
    return comparison or (compare_versions(package.release, release) if release else 0)


def compare_versions(version: str, other_version: str) -> int:
    """Return a number below, equal to or above 0, in rpm's order of versions and releases."""
    parts, other_parts = (re.findall(r"\d+|[a-zA-Z]+|~|\^", text) for text in (version, other_version))
    for first, second in zip([*parts, ""], [*other_parts, ""]):
        if first == second:
            continue
        # A tilde sorts before everything, even the end; a caret sorts before everything except the end.
        if "~" in (first, second):
            return -1 if first == "~" else 1
        if first == "^":
            return -1 if second else 1
        if second == "^":
            return 1 if first else -1
        if first.isdigit() and second.isdigit():
            if int(first) != int(second):
                return int(first) - int(second)
        elif not first or not second:
            return 1 if first else -1
        elif first.isdigit() != second.isdigit():
            return 1 if first.isdigit() else -1
        else:
            return 1 if first > second else -1
    return len(parts) - len(other_parts)
