"""The lock file of the components' libraries: exact versions and the hashes of their files.

`make lock` writes it. One file serves all hosts: pip would evaluate its markers for the Python it runs on,
so they are evaluated here, for the Python and architecture of the hosts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kprov.errors import KprovError

LOCK = Path(__file__).with_name("requirements.txt")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})(?:\s|$)")


@dataclass(frozen=True)
class LockedLibrary:
    """A library: its normalized name (PEP 503), its version, and `sha256:...` of each of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def line(self) -> str:
        """Return the line for pip, without a marker."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={digest}" for digest in self.hashes)])


def read_lock(*, python: str, arch: str, lock: Path = LOCK) -> list[LockedLibrary]:
    """Return the libraries for hosts with this Python (3.13) and architecture (x86_64), sorted by name.

    Raises:
        KprovError: the file cannot be read, or an entry has no exact version or no hash.

    """
    try:
        text = lock.read_text()
    except OSError as error:
        raise KprovError(f"{lock}: cannot read the lock file: {error.strerror}") from error
    environment = _marker_environment(python, arch)
    libraries = []
    for number, entry in _read_entries(text):
        library, applies = _parse_entry(entry, environment, f"{lock}:{number}")
        if applies:
            libraries.append(library)
    return sorted(libraries, key=lambda library: library.name)


def _read_entries(text: str) -> list[tuple[int, str]]:
    """Return entries with their line numbers, without comments and with joined lines."""
    entries: list[tuple[int, str]] = []
    continued = False
    for number, line in enumerate(text.splitlines(), 1):
        content = re.sub(r"(^|\s)#.*", "", line).strip()
        if not content:
            continue
        part = content.removesuffix("\\").strip()
        if continued:
            first, entry = entries[-1]
            entries[-1] = (first, f"{entry} {part}")
        else:
            entries.append((number, part))
        continued = content.endswith("\\")
    return entries


def _parse_entry(entry: str, environment: dict[str, str], where: str) -> tuple[LockedLibrary, bool]:
    # Imported only when a bundle is built.
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    requirement_text, _, _ = entry.partition(" --hash=")
    try:
        requirement = Requirement(requirement_text)
    except InvalidRequirement as error:
        raise KprovError(f"{where}: {requirement_text!r} is not a requirement: {error}") from error
    versions = [specifier.version for specifier in requirement.specifier if specifier.operator == "=="]
    hashes = tuple(sorted(_HASH.findall(entry)))
    if len(versions) != 1 or not hashes:
        raise KprovError(f"{where}: {requirement.name} needs one exact version (==) and a --hash=sha256:...")
    applies = requirement.marker is None or requirement.marker.evaluate(environment)
    return LockedLibrary(canonicalize_name(requirement.name), versions[0], hashes), applies


def _marker_environment(python: str, arch: str) -> dict[str, str]:
    """Return PEP 508's marker variables of a Debian host."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": arch,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }
