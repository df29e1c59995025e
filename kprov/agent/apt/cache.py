"""Available packages, from apt-cache, and the update of apt's package lists."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

from kprov.agent.apt import package_locks, package_state
from kprov.agent.context import ModuleError
from kprov.agent.package_programs import find_program, make_output_values, run_program


@dataclass
class KnownPackage:
    """A package name: the candidate version (None: none) and all available versions, the best first."""

    candidate: str | None
    versions: list[str] = field(default_factory=list)

    @property
    def virtual(self) -> bool:
        return not self.versions


LISTS = "/var/lib/apt/lists"
_STAMP = "/var/lib/apt/periodic/update-success-stamp"
_answers: dict[Any, Any] = {}


def _cache_key(*names: Any) -> tuple[Any, ...]:
    """Return a cache key: the names, and the state of the files that the answer depends on."""
    stamps: list[Any] = []
    for path in (
        LISTS,
        package_state.STATUS,
        "/etc/apt",
        "/etc/apt/preferences.d",
        "/etc/apt/preferences",
    ):
        try:
            status = os.stat(path)
            stamps.append((status.st_ino, status.st_mtime_ns, status.st_size))
        except OSError:
            stamps.append(None)
    return (*names, *stamps)


def find_known(names: list[str], release: str | None) -> dict[str, KnownPackage]:
    """Return the packages that apt knows under these names, with apt's pins applied; omit unknown names."""
    if not names:
        return {}
    key = _cache_key("policy", tuple(names), release)
    if key not in _answers:
        command = [
            find_program("apt-cache"),
            *(["-t", release] if release else []),
            "policy",
            "--",
            *names,
        ]
        code, out, err = run_program(command)
        if code:
            raise ModuleError(
                err.strip() or f"apt-cache policy failed with {code}",
                rc=code,
                **make_output_values(out, err),
            )
        _answers[key] = parse_policies(out)
    answer: dict[str, KnownPackage] = _answers[key]
    return answer


def parse_policies(out: str) -> dict[str, KnownPackage]:
    """Parse the output of `apt-cache policy`."""
    packages: dict[str, KnownPackage] = {}
    package = KnownPackage(None)
    for line in out.splitlines():
        if line and not line[0].isspace():
            package = packages.setdefault(line.rstrip().rstrip(":"), KnownPackage(None))
        elif line.startswith("  Candidate: "):
            version = line[13:].strip()
            package.candidate = None if version == "(none)" else version
        elif re.match(r"^ (\*\*\*|   ) \S", line):
            package.versions.append(line[5:].split()[0])
    return packages


def find_best_version(package: KnownPackage, operator: str, version: str) -> str | None:
    """Return the version that apt would install. A version after `=` has precedence over all pins."""
    if operator != "=":
        return package.candidate
    return next((available for available in package.versions if fnmatch.fnmatch(available, version)), None)


def find_providers(name: str) -> list[str]:
    """Return the names of the packages whose candidate provides a name."""
    key = _cache_key("showpkg", name)
    if key not in _answers:
        _, out, _ = run_program([find_program("apt-cache"), "showpkg", "--", name])
        _, _, part = out.partition("Reverse Provides: ")
        pairs = [line.split()[:2] for line in part.splitlines() if len(line.split()) > 1]
        candidates = find_known(sorted({pair[0] for pair in pairs}), None)
        provide = {n for n, v in pairs if n in candidates and candidates[n].candidate == v}
        _answers[key] = sorted(provide)
    answer: list[str] = _answers[key]
    return answer


def list_names() -> list[str]:
    """Return the sorted names of all installed and available packages."""
    key = _cache_key("pkgnames")
    if key not in _answers:
        _, out, _ = run_program([find_program("apt-cache"), "pkgnames"])
        _answers[key] = sorted(set(out.split()))
    answer: list[str] = _answers[key]
    return answer


def is_update_due(valid_seconds: int, now: float) -> bool:
    """Whether the package lists must be updated: they are missing or older than `valid_seconds`.

    Ansible looks only at the time. An image without lists may have a recent time, and then apt would
    find no package.
    """
    return read_cache_time() + valid_seconds < now or not _has_lists()


def _has_lists() -> bool:
    try:
        files = os.listdir(LISTS)
    except OSError:
        return False
    # Lists may be compressed: ..._Packages.lz4
    return any(file.partition("_Packages")[1] for file in files)


def update_lists(args: dict[str, Any], warnings: list[str]) -> None:
    """Update the lists of all sources, with retries and growing delays. Raises ModuleError."""
    retries = args["update_cache_retries"]
    max_delay = args["update_cache_retry_max_delay"]
    jitter = random.random()
    command = [find_program("apt-get"), "-q", "-o", "APT::Update::Error-Mode=any", "update"]
    reason = ""
    for attempt in range(retries):
        package_locks.wait_for_lock(f"{LISTS}/lock", args)
        code, out, err = run_program(command)
        if code == 0 and "Failed to fetch" not in err:
            return
        reason = (err or out).strip()
        if "Could not get lock" in reason or "Unable to lock" in reason:
            raise ModuleError(
                package_locks.explain_failure(
                    f"Failed to lock apt for exclusive operation: {reason}", err, args
                )
            )
        warnings.append(f"Failed to update cache after {attempt + 1} retries due to {reason}, retrying")
        if attempt + 1 < retries:
            delay = min(2**attempt, max_delay) + jitter
            warnings.append(
                f"Sleeping for {round(delay)} seconds, before attempting to refresh the cache again"
            )
            time.sleep(delay)
    raise ModuleError(f"Failed to update apt cache after {retries} retries: {reason or 'unknown reason'}")


def read_cache_time() -> int:
    """Return when the package lists were updated, in seconds since 1970; 0 without lists."""
    for path in (_STAMP, LISTS):
        with contextlib.suppress(FileNotFoundError):
            return int(os.stat(path).st_mtime)
    return 0
