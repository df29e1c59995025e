"""What servers say of steps that held their event loop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The server's budget is 50 ms. Twice that, because the cores of the machine that runs the tests are shared and slow.
LIMIT_SECONDS: Final = 0.1
_LINE: Final = re.compile(r"a step of (.+?) held the event loop for ([0-9.]+) s \(budget [0-9.]+ s\): (.*)")


@dataclass(frozen=True, slots=True)
class SlowStep:
    """One log line."""

    request: str
    seconds: float
    stack: str


class LoopBudget:
    """Reads the logs of servers, each from where it was read before."""

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}

    def read_new_steps(self, logs: set[Path]) -> list[SlowStep]:
        """The steps that were logged since the last call."""
        found = []
        for path in logs:
            if not path.exists():
                continue
            with path.open(errors="replace") as log:
                log.seek(self._read.get(path, 0))
                found += [SlowStep(line[1], float(line[2]), line[3]) for line in _LINE.finditer(log.read())]
                self._read[path] = log.tell()
        return found
