"""Conditions around a task: when before it; changed_when, failed_when and until after it."""

from __future__ import annotations

from typing import Any

from kprov.playbook.model.plays import Task
from kprov.playbook.running import keyword_numbers
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError

Result = dict[str, Any]


def check_when(task: Task, scope: Scope) -> Result | None:
    """Return the result of a task that `when` skips; None when the task runs."""
    for condition in task.collect_keyword("when"):
        if not scope.templar.evaluate_condition(condition, scope, "when"):
            return {
                "changed": False,
                "skipped": True,
                "skip_reason": "Conditional result was False",
                "false_condition": condition,
            }
    return None


def scope_with_result(task: Task, scope: Scope, result: Result) -> Scope:
    """Return the variables of a task with its own result registered."""
    name = task.keywords.get("register")
    return scope.extend({name: result}) if name else scope


def apply_result_conditions(task: Task, scope: Scope, result: Result) -> Result:
    """Apply changed_when and failed_when to a result."""
    if "failed" not in result:
        result["failed"] = result.get("rc") not in (None, 0, "0")
    result.setdefault("changed", False)
    if has_timed_out(result):
        return result
    if "skipped" in result or not ("changed_when" in task.keywords or "failed_when" in task.keywords):
        return result
    keyword = "changed"
    try:
        where = scope_with_result(task, scope, result)
        if task.keywords.get("changed_when") not in (None, []):
            result["changed"] = _are_all_true(task.keywords["changed_when"], where, "changed_when")
        keyword = "failed"
        if task.keywords.get("failed_when") not in (None, []):
            result["failed"] = result["failed_when_result"] = _are_all_true(
                task.keywords["failed_when"], where, "failed_when"
            )
            if not result["failed"] and "exception" in result:
                result["failed_when_suppressed_exception"] = result.pop("exception")
    except TemplatingError as error:
        result.update({"failed": True, f"{keyword}_when_result": str(error)})
        result.setdefault("msg", f"{error} ({task.place})")
    return result


def has_timed_out(result: Result) -> bool:
    """Whether the keyword `timeout` ended the task. It failed then, whatever failed_when and until say."""
    return isinstance(result.get("timedout"), dict)


def is_until_met(task: Task, scope: Scope, result: Result) -> bool:
    """Whether `until` is met; without it, whether the task succeeded."""
    if task.keywords.get("until") is None:
        return not result.get("failed")
    return _are_all_true(task.keywords["until"], scope_with_result(task, scope, result), "until")


def count_attempts(task: Task, scope: Scope) -> int:
    """Return the maximum number of attempts: 1 without until and retries, 1 + 3 with until alone."""
    retries = task.keywords.get("retries")
    if retries is not None:
        number = keyword_numbers.render_whole(task, scope, "retries", retries, least=-keyword_numbers.LARGEST)
        return 1 + max(0, number)
    return 4 if task.keywords.get("until") is not None else 1


def _are_all_true(conditions: Any, scope: Scope, what: str) -> bool:
    condition_list = conditions if isinstance(conditions, list) else [conditions]
    return all(scope.templar.evaluate_condition(condition, scope, what) for condition in condition_list)
