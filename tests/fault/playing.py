"""A few tasks played on the hosts, and what was said about them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.fault.hosts import Hosts


@dataclass(frozen=True)
class Said:
    """A run's exit code, all it wrote, and its report."""

    code: int
    text: str
    report: dict[str, Any]

    def error(self, host: str) -> dict[str, str]:
        """The only error of a host: "task", "outcome", "message", "place"."""
        found: list[dict[str, str]] = [error for error in self.report["errors"] if error["host"] == host]
        assert len(found) == 1, f"{found}\n{self.text}"
        return found[0]


def play(
    hosts: Hosts,
    folder: Path,
    tasks: list[dict[str, Any]],
    *more: str,
    inventory: Path | None = None,
    timeout: float = 120,
    **keywords: Any,
) -> Said:
    """Tasks on all hosts; `keywords` are the play's. The report is empty when the run did not get so far."""
    playbook, report = folder / "play.yml", folder / "report.json"
    whole = {"name": "Faults", "hosts": "all", "gather_facts": False, "tasks": tasks, **keywords}
    playbook.write_text(yaml.safe_dump([whole], sort_keys=False))
    report.unlink(missing_ok=True)
    where = ("-i", inventory or hosts.inventory, "--report", report)
    done = hosts.kprov("play", playbook, *where, *more, timeout=timeout)
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    return Said(done.returncode, text, json.loads(report.read_text()) if report.exists() else {})
