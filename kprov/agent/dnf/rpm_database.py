"""What rpm has installed: asked once, and again only when its database has changed."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from dataclasses import dataclass

from kprov.agent.apt import commands as apt_commands
from kprov.agent.context import ModuleError

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
        """As dnf shows it: an epoch of 0 is left out."""
        epoch = f"{self.epoch}:" if self.epoch != "0" else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}"

    def forms(self) -> tuple[str, ...]:
        """All that a package may be called by."""
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
    """Every installed package."""
    key = [_database_stamp(root, folder) for folder in _FOLDERS]
    if root not in _cached or _cached[root][0] != key or not any(key):
        where = [] if root == "/" else ["--root", root]
        code, out, err = apt_commands.run_command(
            [apt_commands.find_program("rpm"), *where, "-qa", "--qf", _FORM]
        )
        if code:
            raise ModuleError(f"rpm -qa failed: {err.strip()}", rc=code)
        found = [Package(*line.split("\t")) for line in out.splitlines() if line.count("\t") == 4]
        _cached[root] = (key, [package for package in found if package.name != "gpg-pubkey"])
    return _cached[root][1]


def _database_stamp(root: str, folder: str) -> tuple[int, int] | None:
    for name in ("rpmdb.sqlite-wal", "rpmdb.sqlite", "Packages.db", "Packages"):
        with contextlib.suppress(OSError):
            now = os.stat(os.path.join(root, folder.lstrip("/"), name))
            return now.st_mtime_ns, now.st_size
    return None


def find_packages(spec: str, root: str = "/") -> list[Package]:
    """Installed packages that a name, a version of it, or a pattern means; also what they provide."""
    relation = re.fullmatch(r"(\S+)\s*(<=|>=|<|>|=)\s*(\S+)", spec)
    if relation:
        name, operator, wanted = relation.groups()
        return [p for p in list_installed(root) if p.name == name and _has_version(p, operator, wanted)]
    found = [p for p in list_installed(root) if any(fnmatch.fnmatchcase(form, spec) for form in p.forms())]
    if found or frozenset("*?[") & frozenset(spec):
        return found
    where = [] if root == "/" else ["--root", root]
    kind = "-qf" if spec.startswith("/") else "-q"
    command = [apt_commands.find_program("rpm"), *where, kind, *([] if kind == "-qf" else ["--whatprovides"])]
    code, out, _ = apt_commands.run_command([*command, "--qf", _FORM, spec])
    return (
        [Package(*line.split("\t")) for line in out.splitlines() if line.count("\t") == 4] if not code else []
    )


def is_newer_installed(spec: str, root: str = "/") -> bool:
    """Whether a later version is installed than one that is asked for by name and version."""
    for package in list_installed(root):
        if not spec.startswith(f"{package.name}-"):
            continue
        rest = spec[len(package.name) + 1 :]
        if rest[:1].isdigit():
            rest = re.sub(rf"\.({re.escape(package.arch)}|noarch)$", "", rest)
            if _compare_packages(package, rest) > 0:
                return True
    return False


def _has_version(package: Package, operator: str, wanted: str) -> bool:
    order = _compare_packages(package, wanted)
    return {"<": order < 0, "<=": order <= 0, "=": order == 0, ">=": order >= 0, ">": order > 0}[operator]


def _compare_packages(package: Package, wanted: str) -> int:
    epoch, colon, rest = wanted.partition(":")
    version, _, release = (rest if colon else wanted).partition("-")
    if colon and package.epoch != epoch:
        return int(package.epoch) - int(epoch)
    order = compare_versions(package.version, version)
    return order or (compare_versions(package.release, release) if release else 0)


def compare_versions(one: str, other: str) -> int:
    """Less than, equal to or more than 0, as rpm sorts versions and releases."""
    left, right = (re.findall(r"\d+|[a-zA-Z]+|~|\^", text) for text in (one, other))
    for first, second in zip([*left, ""], [*right, ""]):
        if first == second:
            continue
        # A tilde is before everything, the end too; a caret is before all but the end.
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
    return len(left) - len(right)
