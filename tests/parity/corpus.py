"""The playbooks of corpus/ and how each wants to be played.

A playbook may say so in comments at its top:

    # parity: options --tags one,two      ansible-playbook's options; several lines are several cases
    # parity: runs check first again      which runs (default: all three; `first` alone where a second shows nothing new)
    # parity: inventory many              a folder of corpus/inventories (default: one)
    # parity: order host                  the order of tasks counts per host only (strategy free, async)
    # parity: refused                    both must refuse it
    # parity: slow                       only where all of the corpus is wanted (KPROV_PARITY=all, make parity)
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
RUNS = {"check": ["--check", "--diff"], "first": ["--diff"], "again": ["--diff"]}
_HEADER = re.compile(r"^# parity: (options|runs|inventory|order|refused|slow)\b *(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A playbook with one set of options. `name` is the file's stem, numbered where it has several sets."""

    name: str
    playbook: str
    options: tuple[str, ...]
    runs: tuple[str, ...]
    inventory: str
    per_host: bool
    refused: bool
    slow: bool = False

    @property
    def quick(self) -> Case:
        """The case with its first run only."""
        return replace(self, runs=tuple(run for run in self.runs if run == "first") or self.runs[:1])


def cases() -> list[Case]:
    """The whole corpus, by name."""
    return [case for path in sorted(FOLDER.glob("*.yml")) for case in read(path)]


def read(path: Path) -> list[Case]:
    """The cases of one playbook."""
    said: dict[str, list[str]] = {}
    for word, value in _HEADER.findall(path.read_text()):
        said.setdefault(word, []).append(value.strip())
    sets = said.get("options", [""])
    return [
        Case(
            name=path.stem if len(sets) == 1 else f"{path.stem}.{number}",
            playbook=path.name,
            options=tuple(shlex.split(options)),
            runs=tuple(said.get("runs", [" ".join(RUNS)])[0].split()),
            inventory=said.get("inventory", ["one"])[0],
            per_host=said.get("order", [""])[0] == "host",
            refused="refused" in said,
            slow="slow" in said,
        )
        for number, options in enumerate(sets, 1)
    ]
