"""What both engines' callbacks write: one JSON document a line, in the order in which things happened."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


class Recorder:
    """Events of one run of one playbook.

    A task whose name begins with "Clean up" is where a playbook begins to take away what it made: the host's state
    is looked at before the first of them, by the program `snapshot`.
    """

    def __init__(self, output: Path, snapshot: list[str], script: Path) -> None:
        self._file = output.open("w", encoding="utf-8")
        self._snapshot = snapshot
        self._script = script

    def write(self, event: str, **values: Any) -> None:
        """One event; what JSON does not have becomes text."""
        self._file.write(json.dumps({"event": event} | values, default=str) + "\n")
        self._file.flush()

    def task(self, name: str, *, handler: bool) -> None:
        """A task begins."""
        plain = name.rpartition(" : ")[2]
        if plain.lower().startswith("clean up") and self._snapshot:
            with self._script.open("rb") as script:
                seen = subprocess.run(self._snapshot, stdin=script, capture_output=True, check=True)
            self.write("state", state=json.loads(seen.stdout))
            self._snapshot = []
        self.write("task", name=name, handler=handler)
