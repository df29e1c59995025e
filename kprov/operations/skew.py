"""The version skew that upstream supports (https://kubernetes.io/releases/version-skew-policy/).

API servers differ by at most one minor version. A controller manager or scheduler is not newer than an API
server and at most one minor version older; a kubelet or kube-proxy is not newer and at most three older.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_CONTROL_PLANE_MINORS = 1
_NODE_MINORS = 3

Release = tuple[int, int, int]


@dataclass(frozen=True)
class SkewHost:
    """A host's version, and what it has. `release` is None if it is unknown: the host is not checked."""

    name: str
    release: Release | None
    control_plane: bool
    node: bool


def find_skew(hosts: Iterable[SkewHost]) -> list[str]:
    """Return what upstream does not support in a cluster of these hosts, a line each."""
    known = [(host, host.release) for host in hosts if host.release is not None]
    servers = [(host, release) for host, release in known if host.control_plane]
    if not servers:
        return []
    newest, newest_release = max(servers, key=lambda pair: pair[1])
    oldest, oldest_release = min(servers, key=lambda pair: pair[1])
    problems = []
    if _minors(newest_release, oldest_release) > _CONTROL_PLANE_MINORS:
        problems.append(
            f"the API servers of {newest.name} ({_show(newest_release)}) and {oldest.name} "
            f"({_show(oldest_release)}) would differ by more than one minor version"
        )
    for host, release in known:
        if not host.node:
            continue
        if release[:2] > oldest_release[:2]:
            problems.append(
                f"the kubelet of {host.name} ({_show(release)}) would be newer than the API server of "
                f"{oldest.name} ({_show(oldest_release)}): upgrade the control plane first"
            )
        if _minors(newest_release, release) > _NODE_MINORS:
            problems.append(
                f"the kubelet of {host.name} ({_show(release)}) would be more than three minor versions "
                f"older than the API server of {newest.name} "
                f"({_show(newest_release)}): upgrade {host.name} first"
            )
    return problems


def find_jumps(current: Mapping[str, Release | None], target: Mapping[str, Release | None]) -> list[str]:
    """Return the control plane hosts that would skip a minor version or get an older one, a line each."""
    problems = []
    for host, before in current.items():
        after = target.get(host)
        if before is None or after is None:
            continue
        if after < before:
            problems.append(
                f"{host} has {_show(before)}, and {_show(after)} is older: `kprov rollback` returns to the "
                "previous bundle"
            )
        elif _minors(after, before) > _CONTROL_PLANE_MINORS:
            problems.append(
                f"{host} has {_show(before)}, and {_show(after)} skips a minor version: upgrade one minor "
                "version at a time"
            )
    return problems


def _minors(newer: Release, older: Release) -> int:
    """Return the number of minor versions between two releases; a major version counts as many."""
    return (newer[0] - older[0]) * 100 + newer[1] - older[1]


def _show(release: Release) -> str:
    return "v" + ".".join(map(str, release))
