"""Checks, the problems that they find, and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from kprov.preflight.fleet import Fleet, PreflightHost


class Severity(StrEnum):
    """What a problem does: an error stops `up`, a warning is printed, an info is only listed."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check found on a host; `severity` and `hint` override the check's."""

    host: str
    detail: str
    severity: Severity | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A named check. `severity` is that of its worst problems.

    probes: it needs what the hosts try out, which `up` skips on hosts that run the cluster.
    blocks_installed: its errors also stop `up` on a host that runs the cluster; others become warnings there.
    """

    name: str
    severity: Severity
    summary: str
    hint: str
    find: Callable[[Fleet], Iterator[Problem]] = field(repr=False)
    probes: bool = False
    blocks_installed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check on a host; `status` is ok, skipped or a severity."""

    host: str
    check: str
    status: str
    detail: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether the result stops nothing."""
        return self.status != Severity.ERROR

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for `-o json`."""
        return asdict(self)


def for_each_host(
    judge: Callable[[PreflightHost], Iterator[Problem]],
) -> Callable[[Fleet], Iterator[Problem]]:
    """Return a check's function that judges one host after the other."""

    def find(fleet: Fleet) -> Iterator[Problem]:
        for host in fleet.hosts:
            yield from judge(host)

    return find
