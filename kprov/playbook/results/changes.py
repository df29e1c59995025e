"""The changes of a run on hosts, made or planned: the entries of plans and reports."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kprov.content.locations import PLAYBOOKS, ROLES
from kprov.playbook.model.plays import Task

Result = dict[str, Any]

SERVICE_MODULES = ("systemd_service", "systemd", "service", "sysvinit")
PACKAGE_MODULES = ("apt", "dnf", "yum", "package")
_PROGRAMS = ("command", "shell", "script", "raw")


@dataclass(frozen=True)
class Change:
    """One change on one host. `kind`: file, service, package, program or other; `what` names the thing.

    `action` is what happens to it (a service: restarted ...). `unforeseen` is why a plan cannot know
    the change before earlier changes are made, empty otherwise. `diff` has Ansible's form.
    """

    host: str
    task: str
    place: str
    kind: str
    what: str
    action: str = ""
    diff: list[dict[str, Any]] = field(default_factory=list)
    unforeseen: str = ""
    hidden: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the change as a JSON object."""
        return {name: value for name, value in asdict(self).items() if value not in ("", [], False)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Change:
        """Make a change from a JSON object."""
        return cls(**document)

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for the same change of the same state; lines of files do not count."""
        parts = [self.host, self.task, self.kind, self.what, self.action, self.diff, bool(self.unforeseen)]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def is_read_only(task: Task) -> bool:
    """Whether a task says of itself that it never changes a host."""
    return task.keywords.get("changed_when") in (False, "false", [False])


def is_own(task: Task) -> bool:
    """Whether a task is one of kprov's roles and playbooks: their no_log hides contents, never a path."""
    return any(Path(task.file).is_relative_to(folder) for folder in (ROLES, PLAYBOOKS))


def find_changes(task: Task, name: str, host: str, result: Result, *, hidden: bool) -> list[Change]:
    """Return the changes of a result: one for each item that changed the host or would run a program."""
    changes = []
    for item in task.item_results(result):
        would_run = (
            not is_read_only(task)
            and task.module in _PROGRAMS
            and item.get("skipped")
            and "check mode" in str(item.get("msg"))
        )
        if not (item.get("changed") or would_run):
            continue
        kind, what, action = _describe(task, item)
        if hidden and not (kind in ("service", "package") or (kind == "file" and is_own(task))):
            what = "hidden by no_log"
        diff = item.get("diff") or []
        changes.append(
            Change(
                host,
                name,
                task.place,
                kind,
                what,
                action,
                [] if hidden else _strip_diffs(diff if isinstance(diff, list) else [diff]),
                str(item.get("unforeseen") or ""),
                hidden,
            )
        )
    return changes


def _strip_diffs(diffs: list[Any]) -> list[dict[str, Any]]:
    """Return diffs without the fields that differ between two readings of the same file."""
    fields = ("before", "after", "before_header", "after_header", "prepared")
    return [{k: v for k, v in diff.items() if k in fields} for diff in diffs if isinstance(diff, dict)]


def _describe(task: Task, result: Result) -> tuple[str, str, str]:
    about = result.get("_about") or {}
    item = result.get(str(result.get("ansible_loop_var") or ""))
    state = str(about.get("state") or "")
    name = about.get("name") or about.get("pkg") or about.get("key") or item
    if task.module in SERVICE_MODULES:
        action = state or ("enabled" if "enabled" in about else "reloaded")
        if action == "restarted" and result.get("unforeseen"):
            # A plan does not find the unit of a service that an earlier change installs: this starts it.
            action = "started"
        return "service", str(name or "systemd"), action
    if task.module in PACKAGE_MODULES:
        name_text = ", ".join(map(str, name)) if isinstance(name, list) else str(name or "package lists")
        return "package", name_text, state or "present"
    if task.module in _PROGRAMS:
        command = result.get("cmd") or task.args.get("_raw_params") or task.args.get("cmd") or ""
        return "program", " ".join(map(str, command)) if isinstance(command, list) else str(command), "run"
    path = result.get("dest") or about.get("dest") or about.get("path") or result.get("path")
    if isinstance(path, str):
        return "file", path, state
    return "other", f"{task.module} {name or ''}".strip(), state
