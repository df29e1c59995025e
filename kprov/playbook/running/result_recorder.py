"""Record results: counts, variables, notifications, journal and callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kprov.inventory import secrets
from kprov.playbook.actions import effects, run_actions
from kprov.playbook.model.plays import Task
from kprov.playbook.results import changes, foresight
from kprov.playbook.results.journal import DONE, has_no_secret
from kprov.playbook.running.handlers import Handlers
from kprov.playbook.running.run_state import RunState
from kprov.playbook.running.task_executor import TaskExecutor
from kprov.playbook.running.task_selection import display_name
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError
from kprov.playbook.variables.facts import name_facts
from kprov.playbook.variables.precedence import Variables
from kprov.transport.agent_modules import parse_boolean

HIDDEN = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
_KEPT = ("changed", "failed", "skipped", "unreachable", "attempts")

Result = dict[str, Any]


class ResultRecorder:
    """Records the results of the tasks of one play. Callers hold the lock of the run."""

    def __init__(
        self,
        state: RunState,
        variables: Variables,
        executor: TaskExecutor,
        handlers: Handlers,
        scope: Callable[[Task, str], Scope],
    ) -> None:
        self.state = state
        self.variables = variables
        self.executor = executor
        self.handlers = handlers
        self.scope = scope

    def record(
        self, task: Task, host: str, result: Result, seconds: float, *, key: str, others: list[str]
    ) -> str:
        """Record a result and return its outcome. `others` are hosts that share it (run_once)."""
        hidden = self._is_hidden(task, host) or any(
            item.get("_ansible_no_log") for item in task.item_results(result)
        )
        name = self.render_title(task, host)
        if self.state.options.plan:
            result = self._foresee(task, host, result, hidden=hidden)
        self._store_variables(task, host, result, others)
        outcome = self._find_outcome(task, host, result)
        self._mark_role_started(task, host, outcome)
        stats = self.state.stats(host)
        if outcome == "unreachable":
            self.state.host(host).unreachable = True
        elif outcome == "failed":
            self._mark_failed(task, host, result)
        elif outcome == "changed":
            self._notify_handlers(task, host, result, others)
            if not hidden:
                self._add_changed_files(task, host, result)
        elif outcome == "ok" and key:
            self._notify_of_earlier_change(task, host, result, others, key)
        if outcome in ("changed", "skipped"):
            found_changes = changes.find_changes(task, name, host, result, hidden=hidden)
            self.state.result.changes += found_changes
        _count_outcome(stats, outcome, result)
        if outcome in ("failed", "unreachable"):
            message = HIDDEN if hidden and outcome == "failed" else describe_failure(result)
            self.state.result.errors.append(
                {
                    "host": host,
                    "task": name,
                    "outcome": outcome,
                    "message": secrets.scrub(message),
                    "place": task.place,
                }
            )
        if key:
            self._write_journal(task, host, result, outcome, seconds, key, hidden=hidden)
        self.state.callbacks.host_done(
            host, name, outcome, censor_result(task, result) if hidden else result, seconds, task.place
        )
        return outcome

    def record_earlier_result(
        self, task: Task, host: str, entry: dict[str, Any], key: str, others: list[str]
    ) -> None:
        """Record a task that the resumed run finished: restore its variables and notifications."""
        result: Result = entry.get("result") or {"changed": entry["outcome"] == "changed"}
        self._store_variables(task, host, result, others)
        self._mark_role_started(task, host, entry["outcome"])
        if entry["outcome"] == "changed":
            self._notify_handlers(task, host, result, others)
        stats = self.state.stats(host)
        stats.skipped += entry["outcome"] == "skipped"
        stats.ok += entry["outcome"] != "skipped"
        self.state.journal.write("task", **{k: v for k, v in entry.items() if k not in ("time", "event")})

    def _mark_role_started(self, task: Task, host: str, outcome: str) -> None:
        if task.role is not None and task.role.once and outcome not in ("skipped", "unreachable"):
            self.state.host(host).begun_roles |= {task.role.key}

    def _foresee(self, task: Task, host: str, result: Result, *, hidden: bool) -> Result:
        """Return the result that a task of a plan would have after the changes that are planned already."""
        if not (result.get("failed") or result.get("changed")):
            return result
        planned = [change for change in self.state.result.changes if change.host == host]
        if result.get("failed") and planned:
            result = _mark_unforeseen(result, hidden=hidden)
        return foresight.correct_result(task, planned, result)

    def _find_outcome(self, task: Task, host: str, result: Result) -> str:
        def ignores(keyword: str) -> bool:
            return parse_boolean(
                self.variables.templar.render(task.get(keyword, False), self.scope(task, host), keyword)
            )

        if result.get("unreachable"):
            return "ignored" if ignores("ignore_unreachable") else "unreachable"
        if result.get("failed"):
            return "ignored" if ignores("ignore_errors") else "failed"
        if result.get("skipped"):
            return "skipped"
        return "changed" if result.get("changed") else "ok"

    def _mark_failed(self, task: Task, host: str, result: Result) -> None:
        self.state.host(host).failed = self.state.host(host).own_failure = True
        self.variables.registered.setdefault(host, {}).update(
            ansible_failed_result=result,
            ansible_failed_task={"name": task.name, "action": task.action, "args": {}},
        )

    def _store_variables(self, task: Task, host: str, result: Result, others: list[str]) -> None:
        register = task.keywords.get("register")
        for name in [host, *others]:
            self._store_facts(task, name, result)
            if register:
                self.variables.registered.setdefault(name, {})[register] = _remove_private_keys(task, result)
        self._apply_effects(task, host, result, others)

    def _store_facts(self, task: Task, host: str, result: Result) -> None:
        """Store variables that an action set, and facts that a host or an action answered."""
        delegated = result.get("_ansible_delegated_vars")
        if delegated and parse_boolean(task.get("delegate_facts", False)):
            host = delegated["ansible_delegated_host"]
        for item in task.item_results(result):
            match effects.find_effect(item):
                case effects.SetVariables(values, cached):
                    self.variables.registered.setdefault(host, {}).update(values)
                    if cached:
                        self.variables.facts.host_facts(host).add(values)
                case effects.IncludeVariableFiles(values):
                    self.variables.included.setdefault(host, {}).update(values)
                case _:
                    facts = item.get("ansible_facts")
                    if isinstance(facts, dict) and not item.get("failed"):
                        self.variables.facts.host_facts(host).add(name_facts(task, facts))

    def _apply_effects(self, task: Task, host: str, result: Result, others: list[str]) -> None:
        """Apply what the actions of the operator's side did to the inventory and the report."""
        for item in task.item_results(result):
            match effects.find_effect(item):
                case effects.AddHost() as new:
                    self._add_host(new)
                case effects.AddToGroup() as group:
                    self._add_to_group(group, [host, *others])
                case effects.SetStats() as stats:
                    self._update_stats(host, stats)

    def _add_host(self, new: effects.AddHost) -> None:
        inventory = self.variables.inventory
        host = inventory.add_host(new.name)
        host.variables.update(new.variables)
        for group in new.groups:
            inventory.add_group(group)
            inventory.add_host(host.name, group)
        self.variables.clear_inventory_cache()

    def _add_to_group(self, group: effects.AddToGroup, hosts: list[str]) -> None:
        inventory = self.variables.inventory
        inventory.add_group(group.name)
        for parent in group.parents:
            inventory.add_group(parent)
            inventory.add_child(parent, group.name)
        for host in hosts:
            inventory.add_host(host, group.name)
        self.variables.clear_inventory_cache()

    def _update_stats(self, host: str, stats: effects.SetStats) -> None:
        where = self.state.result.custom.setdefault(host if stats.per_host else "_run", {})
        for name, value in stats.values.items():
            old = where.get(name)
            if stats.aggregate and type(old) is type(value) and isinstance(value, (int, float, list, str)):
                where[name] = old + value  # type: ignore[operator]
            elif stats.aggregate and isinstance(old, dict) and isinstance(value, dict):
                where[name] = {**old, **value}
            else:
                where[name] = value

    def _was_interrupted(self, host: str, key: str) -> bool:
        return self.state.earlier_run is not None and (host, key) in self.state.earlier_run.started_tasks

    def _notify_of_earlier_change(
        self, task: Task, host: str, result: Result, others: list[str], key: str
    ) -> None:
        """Notify handlers of a change that an earlier run made."""
        if self._was_interrupted(host, key):
            # It never notified them.
            self._notify_handlers(task, host, result, others, every=True)
        elif self.handlers.has_pending:
            self._notify_handlers(task, host, result, others, every=True, only_pending=True)

    def _notify_handlers(
        self,
        task: Task,
        host: str,
        result: Result,
        others: list[str],
        *,
        every: bool = False,
        only_pending: bool = False,
    ) -> None:
        if not task.collect_keyword("notify"):
            return
        scopes: list[Scope] | None = None
        if task.has_loop and "results" in result:
            base = self.scope(task, host)
            scopes = [
                base.extend({item["ansible_loop_var"]: item.get(item["ansible_loop_var"])})
                for item in result["results"]
                if (every or item.get("changed")) and "ansible_loop_var" in item
            ]
        self.handlers.notify(task, [host, *others], scopes, only_pending=only_pending)

    def _add_changed_files(self, task: Task, host: str, result: Result) -> None:
        for item in task.item_results(result):
            about = item.get("_about") or {}
            path = item.get("dest") or item.get("path") or about.get("dest") or about.get("path")
            if item.get("changed") and isinstance(path, str):
                self.state.result.changed_files.setdefault(host, []).append(path)

    def _write_journal(
        self, task: Task, host: str, result: Result, outcome: str, seconds: float, key: str, *, hidden: bool
    ) -> None:
        stored: dict[str, Any] = {}
        needed = task.keywords.get("register") or any(
            "ansible_facts" in item for item in task.item_results(result)
        )
        if needed and outcome in DONE and task.module not in run_actions.ACTIONS:
            if hidden or not has_no_secret(result):
                self.state.journal.write("done", host=host, key=key)
                return
            stored = {"result": result}
        self.state.journal.write(
            "task",
            durable=outcome in ("failed", "unreachable"),
            host=host,
            key=key,
            task=display_name(task),
            place=task.place,
            outcome=outcome,
            seconds=round(seconds, 4),
            **stored,
        )

    def render_title(self, task: Task, host: str) -> str:
        """Render the name of a task on a host."""
        name = display_name(task)
        if "{{" not in name:
            return name
        try:
            return str(self.variables.templar.render(name, self.scope(task, host)))
        except TemplatingError:
            return name

    def _is_hidden(self, task: Task, host: str) -> bool:
        literal = task.get("no_log", False)
        if isinstance(literal, bool):  # the variables of a task take long to make
            return literal
        try:
            return self.executor.calls.is_no_log(task, self.scope(task, host))
        except TemplatingError:
            return True


def _remove_private_keys(task: Task, result: Result) -> Result:
    """Return a result as tasks register it, without the keys of the engine."""
    public = {key: value for key, value in result.items() if not key.startswith("_")}
    if task.has_loop and "results" in public:
        public["results"] = [
            {key: value for key, value in item.items() if not key.startswith("_")}
            for item in public["results"]
        ]
    return public


def _mark_unforeseen(result: Result, *, hidden: bool) -> Result:
    """Turn a failure during a plan into a change that cannot be foreseen."""
    for item in [*(result.get("results") or []), result]:
        if isinstance(item, dict) and item.get("failed"):
            reason = HIDDEN if hidden else describe_failure(item)
            item.update(failed=False, changed=True, unforeseen=reason)
    return result


def _count_outcome(stats: Any, outcome: str, result: Result) -> None:
    if outcome == "unreachable":
        stats.unreachable += 1
    elif outcome == "failed":
        stats.failed += 1
    elif outcome == "skipped":
        stats.skipped += 1
    else:
        stats.ok += 1
        stats.changed += bool(result.get("changed")) and not result.get("unreachable")
        stats.ignored += outcome == "ignored"


def censor_result(task: Task, result: Result) -> Result:
    """Return the part of a no_log task's result that may be shown."""
    visible: Result = {**{key: result[key] for key in _KEPT if key in result}, "censored": HIDDEN}
    if task.has_loop and "results" in result:
        visible["results"] = [
            {**{key: item[key] for key in _KEPT if key in item}, "censored": HIDDEN}
            for item in result["results"]
        ]
    return visible


def describe_failure(result: Result) -> str:
    """Return why a task failed: its message and the end of the program's output."""
    for item in result.get("results") or []:
        # Some modules use the name `results` for values of their own.
        if isinstance(item, dict) and item.get("failed"):
            return describe_failure(item)
    message = result.get("msg")
    parts = ["" if message is None else str(message)]
    program = result.get("stderr") or result.get("stdout")
    if program:
        parts.append(str(program)[-2000:])
    return (
        ": ".join(part.strip() for part in parts if part.strip())
        or "the module failed without an error message; -vv shows its whole result"
    )
