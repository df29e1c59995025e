"""The accepted differences and their reasons: differences.yml."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import yaml

from tests.upstream.compare import Difference

FILE: Final = Path(__file__).parent / "differences.yml"


@dataclass(frozen=True, slots=True)
class Accepted:
    """`case`, `step`, `key` and the values are shell patterns. sometimes: it does not occur in every run."""

    reason: str
    case: str = "*"
    step: str = "*"
    key: str = "*"
    upstream: str = "*"
    kprov: str = "*"
    sometimes: bool = False

    def covers(self, found: Difference) -> bool:
        return all(
            fnmatchcase(value, pattern)
            for value, pattern in (
                (found.case, self.case), (found.step, self.step), (found.key, self.key),
                (str(found.upstream), self.upstream), (str(found.kprov), self.kprov),
            )
        )  # fmt: skip


@functools.cache
def accepted() -> tuple[Accepted, ...]:
    """All of differences.yml."""
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8")) or []
    return tuple(Accepted(**entry) for entry in entries)


def unexplained(found: Iterable[Difference]) -> list[Difference]:
    """Differences without a reason."""
    return [each for each in found if not any(reason.covers(each) for reason in accepted())]


def obsolete(found: Iterable[Difference], cases: Iterable[str]) -> list[Accepted]:
    """Reasons that nothing needs any more, of those whose every case has run. cases: the names of all that ran."""
    ran, differences = set(cases), list(found)
    return [
        reason
        for reason in accepted()
        if not reason.sometimes
        and _has_run(reason, ran)
        and not any(reason.covers(each) for each in differences)
    ]


def _has_run(reason: Accepted, ran: set[str]) -> bool:
    from tests.upstream.steps import cases

    return all(case.name in ran for case in cases() if fnmatchcase(case.name, reason.case))
