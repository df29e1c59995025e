"""The known differences and why they are: differences.yml, which docs/playbook.md shows too."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.parity.compare import Difference

FILE = Path(__file__).parent / "differences.yml"


@dataclass(frozen=True)
class Known:
    """`case`, `run`, `task` and `key` are shell patterns, and so are `ansible` and `kprov` for the values."""

    case: str
    task: str
    key: str
    reason: str
    run: str = "*"
    ansible: str = "*"
    kprov: str = "*"

    def covers(self, found: Difference) -> bool:
        """What differs on the hosts is no task: a reason for every task is none for it."""
        if found.task == "(host)" and self.task == "*":
            return False
        return all(
            fnmatchcase(value, pattern)
            for value, pattern in (
                (found.case, self.case), (found.run, self.run), (found.task, self.task), (found.key, self.key),
                (str(found.ansible), self.ansible), (str(found.kprov), self.kprov),
            )
        )  # fmt: skip


def known() -> list[Known]:
    """All of differences.yml."""
    return [Known(**entry) for entry in yaml.safe_load(FILE.read_text()) or []]


def unknown(found: list[Difference]) -> list[Difference]:
    """Those that nothing explains."""
    reasons = known()
    return [one for one in found if not any(reason.covers(one) for reason in reasons)]
