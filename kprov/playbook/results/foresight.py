"""Corrects the results of a plan by its earlier changes: later tasks find what those leave.

In check mode a task sees the host as it is, without the changes that the tasks before it would have made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kprov.playbook.model.plays import Task
from kprov.playbook.results.changes import PACKAGE_MODULES, SERVICE_MODULES, Change, Result, is_read_only

_UNITS = (".service", ".timer", ".socket", ".path", ".mount", ".target")
_STARTS = ("started", "restarted", "reloaded")


def correct_result(task: Task, planned: Sequence[Change], result: Result) -> Result:
    """Return the result of a task in a plan; `planned` are the earlier changes of its host."""
    items = [item for item in task.item_results(result) if item.get("changed")]
    for item in items:
        is_made = (
            (task.module in PACKAGE_MODULES and _is_installed(item, planned))
            or (task.module in SERVICE_MODULES and _is_running(item, planned))
            or (item.get("unforeseen") and is_read_only(task))
        )
        if is_made:
            item["changed"] = False
    if items and not any(item.get("changed") for item in task.item_results(result)):
        result["changed"] = False
    return result


def _is_installed(item: Result, planned: Iterable[Change]) -> bool:
    """Whether an earlier task of the plan installs the packages."""
    about = item.get("_about") or {}
    if about.get("state", "present") not in ("present", "installed"):
        return False
    names = about.get("name") or about.get("pkg")
    wanted = {str(name) for name in (names if isinstance(names, list) else [names])} - {"None"}
    return bool(wanted) and wanted <= _list_packages(planned)


def _list_packages(planned: Iterable[Change]) -> set[str]:
    return {
        name
        for change in planned
        if change.kind == "package" and change.action in ("present", "installed", "latest")
        for name in change.what.split(", ")
    }


def _is_running(item: Result, planned: Sequence[Change]) -> bool:
    """Whether an earlier task of the plan starts a service that a package of Debian brings enabled."""
    about: dict[str, Any] = item.get("_about") or {}
    name = str(about.get("name") or "")
    if not item.get("unforeseen") or about.get("state") != "started" or not name:
        return False
    is_started = any(
        change.kind == "service"
        and change.action in _STARTS
        and change.what.removesuffix(".service") == name.removesuffix(".service")
        for change in planned
    )
    unit = f"/{name}" if name.endswith(_UNITS) else f"/{name}.service"
    is_of_package = not any(change.kind == "file" and change.what.endswith(unit) for change in planned)
    return is_started and is_of_package
