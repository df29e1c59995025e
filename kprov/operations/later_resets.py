"""Refuses to continue a run after a reset: it would not install again what is gone."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.operations.lost_cluster import explain_ways
from kprov.operations.operation import OPERATIONS
from kprov.playbook.results.journal import EarlierRun, read_header


def check_not_reset(earlier: EarlierRun, inventory: str) -> None:
    """Raise InputError if hosts of an `up`, or all hosts of an operation, were reset after this run began.

    An operation finds out itself what is left to do after a reset of single hosts.
    """
    command = earlier.run.get("command")
    later = [run for run in _read_later_resets(earlier) if command == "up" or not run.run.get("limit")]
    if not later or (command != "up" and command not in OPERATIONS):
        return
    newest = later[-1].run
    reset = f"`kprov reset` of {_format_time(newest)} removed the cluster from them"
    if all(run.run.get("limit") for run in later):
        hosts = sorted(earlier.hosts & {host for run in later for host in run.hosts})
        if hosts:
            raise InputError(
                f"{', '.join(hosts)}: {reset} after this run: `kprov up -i {inventory}` sets them up again",
                file=earlier.path,
            )
        return
    hosts = sorted({host for run in later for host in run.hosts})
    raise InputError(
        f"{', '.join(hosts)}: {reset} after this run: {explain_ways(inventory)}", file=earlier.path
    )


def explain_finished(run: dict[str, Any], inventory: str) -> str:
    """Return why there is nothing to continue after a successful run."""
    text = f"`kprov {run.get('command')}` of {_format_time(run)} was successful; there is nothing to continue"
    if run.get("command") != "reset":
        return text
    ways = (
        f"`kprov up -i {inventory}` sets its hosts up again" if run.get("limit") else explain_ways(inventory)
    )
    return f"{text}: {ways}"


def _read_later_resets(earlier: EarlierRun) -> list[EarlierRun]:
    """Return the resets that began after a run, the oldest first, from the folder of its journal."""

    def list_paths() -> Iterable[Path]:
        for path in earlier.path.parent.glob("*.jsonl"):
            header = read_header(path)
            if header.get("command") == "reset" and header["time"] > earlier.run.get("time", 0):
                yield path

    return sorted((EarlierRun(path) for path in list_paths()), key=lambda run: float(run.run["time"]))


def _format_time(run: dict[str, Any]) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(run.get("time", 0)))
