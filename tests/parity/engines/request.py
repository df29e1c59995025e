"""What a server is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """One run of one playbook. `options` are ansible-playbook's; `snapshot` is the program that shows the host's state."""

    playbook: str
    inventory: str
    options: list[str]
    output: str
    log: str
    snapshot: list[str]

    @property
    def script(self) -> Path:
        """What the snapshot program runs on the host."""
        return Path(__file__).parents[1] / "on_host.py"
