"""The package database of dpkg and apt, read from its files without starting a program.

Sources: dpkg's status(5) database, deb-version(7), apt's extended_states.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, field

STATUS = "/var/lib/dpkg/status"
INFO = "/var/lib/dpkg/info"
EXTENDED_STATES = "/var/lib/apt/extended_states"


@dataclass
class Package:
    """A stanza of dpkg's status; `want` and `state` are words one and three of its Status."""

    name: str
    want: str = "unknown"
    state: str = "not-installed"
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return self.fields.get("Version", "")

    @property
    def architecture(self) -> str:
        return self.fields.get("Architecture", "")

    @property
    def installed(self) -> bool:
        return self.state == "installed"

    @property
    def has_files(self) -> bool:
        """Whether dpkg has a list of its files, also after a removal that left configuration files."""
        names = (self.name, f"{self.name}:{self.architecture}")
        return any(os.path.exists(f"{INFO}/{name}.list") for name in names)


@dataclass
class PackageDatabase:
    """All packages that dpkg knows, by name; one for each architecture."""

    packages: dict[str, list[Package]]
    #: Names that installed packages provide: (the provider, the version it provides or "").
    provided: dict[str, list[tuple[Package, str]]]
    native: str

    def find(self, name: str) -> Package | None:
        """Find a package by name or name:architecture; the default is the native architecture."""
        name, _, architecture = name.partition(":")
        if architecture in ("", "native", "any"):
            architecture = self.native
        for package in self.packages.get(name, []):
            if package.architecture in (architecture, "all") and architecture in (
                self.native,
                package.architecture,
            ):
                return package
        return None


_cached: dict[str, tuple[tuple[int, int, int], PackageDatabase]] = {}
_FIELDS = frozenset(
    ("Status", "Version", "Architecture", "Provides", "Section", "Source", "Essential", "Multi-Arch")
)


def read_database(path: str | None = None) -> PackageDatabase:
    """Return dpkg's current database. Read its file again only if the file has changed."""
    path = path or STATUS
    status = os.stat(path)
    key = (status.st_ino, status.st_mtime_ns, status.st_size)
    if path not in _cached or _cached[path][0] != key:
        with open(path, encoding="utf-8", errors="replace") as file:
            _cached[path] = (key, parse_database(file.read()))
    return _cached[path][1]


def parse_database(text: str) -> PackageDatabase:
    """Parse the text of a status file."""
    packages: dict[str, list[Package]] = {}
    for fields in parse_stanzas(text):
        status = fields.get("Status", "").split()
        package = Package(fields.get("Package", ""), fields=fields)
        if len(status) == 3:
            package.want, package.state = status[0], status[2]
        packages.setdefault(package.name, []).append(package)
    provided: dict[str, list[tuple[Package, str]]] = {}
    for same_name in packages.values():
        for package in same_name:
            if package.installed and "Provides" in package.fields:
                for name, _, version in parse_relations(package.fields["Provides"])[0:]:
                    provided.setdefault(name, []).append((package, version))
    dpkg_packages = packages.get("dpkg", [])
    native = dpkg_packages[0].architecture if dpkg_packages else os.uname().machine
    return PackageDatabase(packages, provided, native)


def parse_stanzas(text: str) -> list[dict[str, str]]:
    """Return the fields of each paragraph that this module needs. None of these fields has several lines."""
    stanzas: list[dict[str, str]] = []
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(": ")
            if colon and (name in _FIELDS or name == "Package"):
                fields[name] = value.strip()
        if "Package" in fields:
            stanzas.append(fields)
    return stanzas


_RELATION = re.compile(
    r"^\s*([a-zA-Z0-9][\w.+-]*(?::[\w-]+)?)\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?"
)


def parse_relations(value: str) -> list[tuple[str, str, str]]:
    """Return (name, operator, version) of each part between commas and bars."""
    matches = (_RELATION.match(part) for part in re.split(r"[,|]", value))
    return [(m.group(1), m.group(2) or "", m.group(3) or "") for m in matches if m]


def read_automatic() -> set[str]:
    """Return the names of the packages that apt installed only as dependencies."""
    try:
        with open(EXTENDED_STATES, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        return set()
    return {
        line[9:].strip()
        for block in text.split("\n\n")
        if "Auto-Installed: 1" in block
        for line in block.split("\n")
        if line.startswith("Package: ")
    }


def compare_versions(version: str, other_version: str) -> int:
    """Return a number below, equal to or above 0 if the first version is older, equal or newer."""
    first, second = _split_version(version), _split_version(other_version)
    if first[0] != second[0]:
        return first[0] - second[0]
    return _sort_key(first[1], second[1]) or _sort_key(first[2], second[2])


def _split_version(text: str) -> tuple[int, str, str]:
    epoch, colon, rest = text.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", text
    upstream, _, revision = rest.rpartition("-")
    return int(epoch), upstream or rest, revision if upstream else ""


def _sort_key(text: str, other_text: str) -> int:
    while text or other_text:
        for key, other_key in zip(_letters_key(text), _letters_key(other_text)):
            if key != other_key:
                return key - other_key
        text, other_text = text.lstrip(_OTHER), other_text.lstrip(_OTHER)
        digits = (re.match(r"\d*", text), re.match(r"\d*", other_text))
        first, second = (d.group() if d else "" for d in digits)
        if int(first or 0) != int(second or 0):
            return int(first or 0) - int(second or 0)
        text, other_text = text[len(first) :], other_text[len(second) :]
    return 0


_OTHER = "".join(chr(number) for number in range(33, 127) if not chr(number).isdigit())


def _letters_key(text: str) -> list[int]:
    """Return a sort key of the part before the next digit: ~ sorts before the end, letters before others."""
    key = []
    for letter in text:
        if letter.isdigit():
            break
        key.append(-1 if letter == "~" else ord(letter) if letter.isalpha() else ord(letter) + 256)
    return key + [0] * (64 - len(key))


def satisfies(version: str, operator: str, required: str) -> bool:
    """Whether a version fulfils a relation; without an operator, every version does."""
    comparison = compare_versions(version, required) if operator else 0
    return {
        "": True, "<<": comparison < 0, "<": comparison <= 0, "<=": comparison <= 0, "=": comparison == 0,
        ">=": comparison >= 0, ">": comparison >= 0, ">>": comparison > 0,
    }[operator]  # fmt: skip


@functools.lru_cache(maxsize=1)
def foreign_architectures() -> tuple[str, ...]:
    """Return the foreign architectures that dpkg accepts."""
    try:
        with open("/var/lib/dpkg/arch", encoding="ascii") as file:
            return tuple(line.strip() for line in file)[1:]
    except FileNotFoundError:
        return ()
