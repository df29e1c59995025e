"""The JSON report of a run (`--report FILE`)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kprov.cli.output.result_lines import result_and_items
from kprov.errors import InputError
from kprov.inventory import secrets
from kprov.playbook.results.run_result import RunResult, SilentCallbacks

VERSION = 1


class Recorder(SilentCallbacks):
    """Collects the data of a report during a run."""

    def __init__(self) -> None:
        self.playbooks: list[str] = []
        self.tasks: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._play = ""
        #: The entry of a task until it runs again on the same host (a role included twice, a handler).
        self._open: dict[tuple[str, str], dict[str, Any]] = {}

    def run_started(self, playbooks: list[str]) -> None:
        """Store the playbooks' paths."""
        self.playbooks = playbooks

    def play_started(self, name: str, hosts: list[str]) -> None:
        """Start a play."""
        self._play = name
        self._open.clear()

    def warning(self, text: str) -> None:
        """Store a warning, which names its host."""
        self.warnings.append(text)

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        """Store a host's result of a task; with the free strategy hosts come in any order."""
        entry = self._open.get((task, place))
        if entry is None or host in entry["hosts"]:
            entry = {"play": self._play, "task": task, "place": place, "hosts": {}}
            self._open[task, place] = entry
            self.tasks.append(entry)
        event: dict[str, Any] = {
            "outcome": outcome,
            "seconds": round(seconds, 4),
            "changed": bool(result.get("changed")),
            "msg": _message_of(result.get("msg")),
        }
        items = result_and_items(result)[1:]
        if items:
            event["items"] = [_item_entry(item) for item in items]
        entry["hosts"][host] = event


def _message_of(message: Any) -> Any:
    return "" if message is None else message


def _item_entry(result: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of an item. For a no_log task it has only the outcome."""
    label = result.get("_ansible_item_label", result.get(str(result.get("ansible_loop_var", "item"))))
    outcome = next(
        (word for word in ("unreachable", "failed", "skipped", "changed") if result.get(word)), "ok"
    )
    return {
        "item": label,
        "outcome": outcome,
        "changed": bool(result.get("changed")),
        "msg": _message_of(result.get("msg")),
    }


def write_report(path: Path, recorder: Recorder, result: RunResult, *, check: bool = False) -> None:
    """Write the report atomically to a private file. Raises InputError if that fails."""
    document = {
        "kprov_report": VERSION,
        "ok": result.ok,
        "exit_code": result.exit_code,
        "seconds": result.seconds,
        "check": check,
        "playbooks": recorder.playbooks,
        "hosts": {name: vars(stats) for name, stats in result.hosts.items()},
        "tasks": recorder.tasks,
        "changes": [change.to_json() for change in result.changes],
        "changed": result.changed,
        "changed_files": result.changed_files,
        "errors": result.errors,
        "warnings": recorder.warnings,
        "stats": result.custom,
    }
    text = (
        json.dumps(scrub_values(document), indent=1, default=lambda value: secrets.scrub(str(value))) + "\n"
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=path, field="--report") from error


def scrub_values(value: Any) -> Any:
    """Scrub each text of a document; scrubbing the encoded document could break the JSON."""
    if isinstance(value, str):
        return secrets.scrub(value)
    if isinstance(value, dict):
        return {scrub_values(str(key)): scrub_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_values(item) for item in value]
    return value
