"""Run one task on one host: its conditions, loop and retries, up to the result to register."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kprov.errors import InputError, KprovError, NoPythonError, PreflightError, UnreachableError
from kprov.playbook.actions import effects
from kprov.playbook.actions.call import Call, ModuleCall
from kprov.playbook.connections.module_sender import ModuleSender
from kprov.playbook.loading import templated_action
from kprov.playbook.model.plays import Play, Task
from kprov.playbook.results.run_result import Callbacks
from kprov.playbook.running import async_tasks, call_builder, keyword_numbers, loops, task_conditions
from kprov.playbook.running.task_conditions import Result
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError
from kprov.playbook.variables.facts import name_facts, name_variables
from kprov.playbook.variables.include_variables import IncludeVariables
from kprov.playbook.variables.precedence import Variables
from kprov.transport.agent_modules import ArgumentError
from kprov.transport.options.host_options import Become

Retry = Callable[[str, Task, int, int], None]


class TaskExecutor:
    """Runs the tasks of one play. Calls `retried(host, task, attempt, left)` before it retries a task."""

    def __init__(
        self, variables: Variables, sender: ModuleSender, play: Play, callbacks: Callbacks, retried: Retry
    ) -> None:
        self.variables = variables
        self.sender = sender
        self.play = play
        self.retried = retried
        self.calls = call_builder.CallBuilder(variables, sender, callbacks)

    def run(self, task: Task, host: str, include: IncludeVariables | None = None) -> Result:
        """Return the result of a task. Failures of the task or host are results too, not exceptions."""
        scope = self.variables.task_scope(host, self.play, task, include=include)
        try:
            return self._run_task(task, host, scope)
        except (UnreachableError, PreflightError) as error:
            return {"changed": False, "unreachable": True, "msg": error.reason}
        except NoPythonError as error:
            return {"changed": False, "failed": True, "msg": error.reason}
        except (KprovError, ArgumentError, OSError) as error:
            return _failure_result(task, error)
        except (RecursionError, MemoryError, OverflowError) as error:
            # Values of the user that are nested too deeply or are too large.
            text = f"{type(error).__name__}: {error or 'a value is too large'} ({task.place})"
            return {"changed": False, "failed": True, "msg": text}

    def _run_task(self, task: Task, host: str, scope: Scope) -> Result:
        if not task.has_loop:
            return self._run_scopes(task, host, [scope])[0]
        try:
            items = loops.find_items(task, scope)
        except TemplatingError:
            # Ansible checks `when` first if the items cannot be rendered.
            skipped = task_conditions.check_when(task, scope)
            if skipped is not None:
                return skipped
            raise
        if not items:
            return loops.combine_results([])
        control = loops.LoopControl.from_task(task, scope)
        return loops.combine_results(self._run_items(task, host, control, items, scope))

    def _run_items(
        self, task: Task, host: str, control: loops.LoopControl, items: list[Any], scope: Scope
    ) -> list[Result]:
        scopes = loops.make_item_scopes(control, items, scope)
        one_by_one = bool(
            control.pause
            or control.break_when
            or task_conditions.count_attempts(task, scope) > 1
            or call_builder.is_run_action(task)
            or templated_action.is_templated(task)
            or loops.uses_own_results(task)
        )
        results: list[Result] = []
        facts: dict[str, Any] = {}
        for part in [[item_scope] for item_scope in scopes] if one_by_one else [scopes]:
            if results and control.pause:
                time.sleep(control.pause)
            # The next item sees what earlier items set and registered.
            resumed_results = (
                {**facts, task.keywords["register"]: results[-1]}
                if (results and task.keywords.get("register"))
                else facts
            )
            here = (
                [inner.extend(resumed_results) for inner in part] if resumed_results and one_by_one else part
            )
            for inner, result in zip(here, self._run_scopes(task, host, here), strict=True):
                results.append(self._add_loop_variables(control, items, len(results), inner, result))
                facts.update(
                    effects.read_variables(result)
                    or name_variables(name_facts(task, result.get("ansible_facts") or {}))
                )
            if control.break_when and all(
                scope.templar.evaluate_condition(
                    stop, task_conditions.scope_with_result(task, here[0], results[-1]), "break_when"
                )
                for stop in control.break_when
            ):
                break
        return results

    def _add_loop_variables(
        self, control: loops.LoopControl, items: list[Any], index: int, scope: Scope, result: Result
    ) -> Result:
        result.update({control.var: items[index], "ansible_loop_var": control.var})
        if control.index_var:
            result.update({control.index_var: index, "ansible_index_var": control.index_var})
        if control.extended:
            result["ansible_loop"] = scope["ansible_loop"]
        if control.label is not None:
            try:
                result["_ansible_item_label"] = scope.templar.render(control.label, scope, "label")
            except TemplatingError as error:
                result.update(failed=True, msg=f"Failed to template loop_control.label: {error}")
        return result

    def _run_scopes(self, task: Task, host: str, scopes: list[Scope]) -> list[Result]:
        """Return the results of items. Items of one module travel to the host in one message."""
        results: list[Result | None] = [
            _catch_failure(task, task_conditions.check_when, task, inner) for inner in scopes
        ]
        todo = [index for index, result in enumerate(results) if result is None]
        if todo and task_conditions.count_attempts(task, scopes[todo[0]]) > 1:
            for index in todo:
                results[index] = _catch_failure(task, self._retry_until, task, host, scopes[index])
        elif todo:
            done = self._run_once(task, host, [scopes[index] for index in todo])
            for index, result in zip(todo, done, strict=True):
                results[index] = task_conditions.apply_result_conditions(task, scopes[index], result)
        return [result or {} for result in results]

    def _retry_until(self, task: Task, host: str, scope: Scope) -> Result:
        tries = task_conditions.count_attempts(task, scope)
        delay = keyword_numbers.render_seconds(task, scope, "delay", task.keywords.get("delay", 5))
        result: Result = {}
        for attempt in range(1, tries + 1):
            result = self._run_once(task, host, [scope])[0]
            result["attempts"] = attempt
            result = task_conditions.apply_result_conditions(task, scope, result)
            if task_conditions.has_timed_out(result):
                del result["attempts"]
                return result
            if result.get("skipped") or task_conditions.is_until_met(task, scope, result):
                return result
            if self.variables.options.plan:
                break
            if attempt < tries:
                self.retried(host, task, attempt, tries - attempt)
                time.sleep(delay)
        return {**result, "failed": True, "attempts": tries - 1}

    def _run_once(self, task: Task, host: str, scopes: list[Scope]) -> list[Result]:
        results: list[Any] = [None] * len(scopes)
        remote: list[tuple[int, Call, list[ModuleCall]]] = []
        for index, scope in enumerate(scopes):
            results[index] = _catch_failure(task, self._prepare, task, host, scope, index, remote)
        for (address, become, module), members in self._group_by_route(remote).items():
            self._send_calls(task, address, become, module, members, results)
        return [result or {} for result in results]

    def _prepare(
        self,
        task: Task,
        host: str,
        scope: Scope,
        index: int,
        remote: list[tuple[int, Call, list[ModuleCall]]],
    ) -> Result | None:
        call = self.calls.build_call(task, host, scope)
        done, module_calls = self.calls.prepare_call(call)
        if done is None:
            remote.append((index, call, module_calls))
        return done

    def _group_by_route(
        self, remote: list[tuple[int, Call, list[ModuleCall]]]
    ) -> dict[tuple[str, Become | None, str], list[tuple[int, Call, list[ModuleCall]]]]:
        """Group items by connection, user and module; nearly always there is one group."""
        routes: dict[tuple[str, Become | None, str], list[tuple[int, Call, list[ModuleCall]]]] = {}
        for index, call, module_calls in remote:
            module = module_calls[0].module if module_calls else ""
            routes.setdefault((call.address, call.become, module), []).append((index, call, module_calls))
        return routes

    def _send_calls(
        self,
        task: Task,
        address: str,
        become: Become | None,
        module: str,
        members: list[tuple[int, Call, list[ModuleCall]]],
        results: list[Any],
    ) -> None:
        items, contents = [], {}
        for _, call, module_calls in members:
            for module_call in module_calls:
                items.append(call.make_item(module_call.args))
                contents.update(module_call.contents)
        first = members[0][1]
        answers: list[Result] = []
        if items and first.background[0]:
            answers = async_tasks.run_async(self.sender, first, module, items, contents)
        elif items:
            answers = self.sender.send(
                address, become, module, items, contents, check=first.check, diff=first.diff
            )
        for answer in answers:
            for name in ("stdout", "stderr"):
                if isinstance(answer.get(name), str):
                    answer.setdefault(f"{name}_lines", answer[name].splitlines())
        for index, call, module_calls in members:
            own_answers, answers = answers[: len(module_calls)], answers[len(module_calls) :]
            result = own_answers[0] if len(module_calls) == 1 else _join_results(call, own_answers)
            results[index] = self.calls.finish_call(call, result)


def _catch_failure(task: Task, function: Callable[..., Result | None], *arguments: Any) -> Result | None:
    try:
        return function(*arguments)
    except (UnreachableError, PreflightError, NoPythonError):
        raise
    except (KprovError, ArgumentError, OSError) as error:
        return _failure_result(task, error)


def _failure_result(task: Task, error: Exception) -> Result:
    has_place = isinstance(error, (TemplatingError, InputError))
    extra = error.result if isinstance(error, ArgumentError) else {}
    text = f"{error} ({task.place})" if has_place else str(error)
    return {"changed": False, **extra, "failed": True, "msg": text}


def _join_results(call: Call, results: list[Result]) -> Result:
    """Return one result for an action that made several calls."""
    failed = next((result for result in results if result.get("failed")), None)
    if failed:
        return failed
    diffs = [entry for result in results for entry in (result.get("diff") or [])]
    joined = {
        "changed": any(item_result.get("changed") for item_result in results),
        **({"diff": diffs} if diffs else {}),
    }
    return {**joined, **{key: call.args[key] for key in ("src", "dest") if key in call.args}}
