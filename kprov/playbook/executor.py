"""One task on one host: its conditions, loop, arguments, retries, and the result to register."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kprov.agent.context import ModuleError, truth
from kprov.errors import InputError, KprovError, PreflightError, UnreachableError
from kprov.playbook.action import local
from kprov.playbook.action.base import Call, Remote
from kprov.playbook.model import Play, Task
from kprov.playbook.scope import Scope
from kprov.playbook.templating import TemplatingError
from kprov.playbook.variables import OMIT, Variables, without_omitted
from kprov.transport.connection import Connections
from kprov.transport.options import Become

HIDDEN = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"


@dataclass
class Executor:
    """Runs tasks of one play."""

    variables: Variables
    connections: Connections
    play: Play
    loop_lock: threading.Lock

    def run(self, task: Task, host: str, include: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The task's result; never raises for what a task or host can do wrong (failed, unreachable)."""
        scope = self.variables.scope(host, self.play, task, include=include)
        try:
            return self._run(task, host, scope)
        except UnreachableError as error:
            return {"changed": False, "unreachable": True, "msg": error.reason}
        except PreflightError as error:
            return {"changed": False, "unreachable": True, "msg": error.reason}
        except (TemplatingError, InputError) as error:
            return {"changed": False, "failed": True, "msg": f"{error} ({task.place})"}
        except (KprovError, ModuleError, OSError) as error:
            return {"changed": False, "failed": True, "msg": str(error)}

    def items(self, task: Task, scope: Scope) -> list[Any] | None:
        """What the task loops over; None when it does not."""
        templar = self.variables.templar
        for key, value in task.keywords.items():
            if key == "loop":
                found = templar.value(value, scope, "loop")
                if not isinstance(found, list):
                    raise TemplatingError(
                        f"loop: a list is needed, not {type(found).__name__} ({found!r}), in {value!r}"
                    )
                return found
            if str(key).startswith("with_"):
                return self._with(str(key)[5:], templar.value(value, scope, str(key)))
        return None

    @staticmethod
    def _with(kind: str, value: Any) -> list[Any]:
        if kind in ("items", "list", "flattened"):
            values = value if isinstance(value, list) else [value]
            return [
                x
                for entry in values
                for x in (entry if isinstance(entry, list) and kind != "list" else [entry])
            ]
        if kind == "dict":
            return [{"key": key, "value": entry} for key, entry in value.items()]
        if kind == "together":
            return [list(entry) for entry in zip(*value, strict=False)]
        if kind == "nested":
            import itertools

            return [list(entry) for entry in itertools.product(*value)]
        if kind == "indexed_items":
            return [list(entry) for entry in enumerate(value)]
        if kind == "sequence":
            raise TemplatingError('with_sequence is not supported; use loop: "{{ range(1, 5) | list }}"')
        raise TemplatingError(f"with_{kind} is not supported; use loop with a lookup")

    def loop_scopes(self, task: Task, scope: Scope) -> list[tuple[Any, Scope]] | None:
        """Every item with the variables it is seen with."""
        found = self.items(task, scope)
        if found is None:
            return None
        control = task.keywords.get("loop_control") or {}
        name, index_name = control.get("loop_var", "item"), control.get("index_var")
        scopes = []
        for index, item in enumerate(found):
            extra: dict[str, Any] = {name: item, "ansible_loop_var": name}
            if index_name:
                extra.update({index_name: index, "ansible_index_var": index_name})
            if control.get("extended"):
                extra["ansible_loop"] = {
                    "index": index + 1,
                    "index0": index,
                    "first": index == 0,
                    "last": index == len(found) - 1,
                    "length": len(found),
                    "revindex": len(found) - index,
                    "revindex0": len(found) - index - 1,
                    "allitems": found,
                }
            scopes.append((item, scope.above(extra)))
        return scopes

    def skipped(self, task: Task, scope: Scope) -> dict[str, Any] | None:
        """The result of a task whose conditions are not met."""
        for condition in task.collected("when"):
            if not self.variables.templar.test(condition, scope, "when"):
                return {
                    "changed": False,
                    "skipped": True,
                    "skip_reason": "Conditional result was False",
                    "false_condition": condition,
                }
        return None

    def _run(self, task: Task, host: str, scope: Scope) -> dict[str, Any]:
        try:
            scopes = self.loop_scopes(task, scope)
        except TemplatingError:
            # Ansible looks at `when` first where the loop cannot be made.
            skipped = self.skipped(task, scope)
            if skipped is not None:
                return skipped
            raise
        if scopes is None:
            return self._batch(task, host, [(None, scope)])[0]
        if not scopes:
            return {
                "changed": False,
                "skipped": True,
                "skipped_reason": "No items in the list",
                "results": [],
            }
        control = task.keywords.get("loop_control") or {}
        name = control.get("loop_var", "item")
        pause = float(control.get("pause", 0) or 0)
        results: list[dict[str, Any]] = []
        for part in [[one] for one in scopes] if pause or "until" in task.keywords else [scopes]:
            results += self._batch(task, host, part)
            if pause:
                time.sleep(pause)
        for (item, inner), result in zip(scopes, results, strict=True):
            result.update({name: item, "ansible_loop_var": name})
            if control.get("label") is not None:
                try:
                    result["_ansible_item_label"] = self.variables.templar.value(control["label"], inner)
                except TemplatingError:
                    result["_ansible_item_label"] = item
        whole: dict[str, Any] = {
            "results": results,
            "changed": any(r.get("changed") for r in results),
            "msg": "All items completed",
        }
        if all(r.get("skipped") for r in results):
            whole.update(skipped=True, msg="All items skipped")
        else:
            whole["skipped"] = False
        if any(r.get("failed") for r in results):
            whole.update(failed=True, msg="One or more items failed")
        return whole

    def _batch(self, task: Task, host: str, scopes: list[tuple[Any, Scope]]) -> list[dict[str, Any]]:
        """Results of items, all in one message to the host where the module is one of the agent's."""
        results: list[dict[str, Any] | None] = [
            self._guard(task, self.skipped, task, inner) for _, inner in scopes
        ]
        todo = [index for index, result in enumerate(results) if result is None]
        if "until" in task.keywords:
            for index in todo:
                results[index] = self._until(task, host, scopes[index][1])
        else:
            for index, result in zip(
                todo, self._once(task, host, [scopes[index][1] for index in todo]), strict=True
            ):
                results[index] = self._judge(task, scopes[index][1], result)
        return [result or {} for result in results]

    @staticmethod
    def _guard(task: Task, function: Any, *arguments: Any) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] | None = function(*arguments)
            return found
        except (TemplatingError, InputError) as error:
            return {"changed": False, "failed": True, "msg": f"{error} ({task.place})"}
        except (UnreachableError, PreflightError):
            raise
        except (KprovError, ModuleError, OSError) as error:
            return {"changed": False, "failed": True, "msg": str(error)}

    def _until(self, task: Task, host: str, scope: Scope) -> dict[str, Any]:
        templar = self.variables.templar
        retries = int(templar.value(task.keywords.get("retries", 3), scope, "retries"))
        delay = float(templar.value(task.keywords.get("delay", 5), scope, "delay"))
        conditions = (
            task.keywords["until"] if isinstance(task.keywords["until"], list) else [task.keywords["until"]]
        )
        result: dict[str, Any] = {}
        for attempt in range(1, retries + 2):
            result = self._judge(task, scope, self._once(task, host, [scope])[0])
            result["attempts"] = attempt
            seen = self._seen(task, scope, result)
            if all(templar.test(condition, seen, "until") for condition in conditions):
                return result
            if attempt <= retries:
                time.sleep(delay)
        return {
            **result,
            "failed": True,
            "attempts": retries,
            "msg": result.get("msg") or f"not as expected after {retries} retries",
        }

    def _seen(self, task: Task, scope: Scope, result: dict[str, Any]) -> Scope:
        name = task.keywords.get("register")
        return scope.above(
            {
                **({name: result} if name else {}),
                **{key: value for key, value in result.items() if key in ("rc", "stdout")},
            }
            if name
            else {}
        )

    def _judge(self, task: Task, scope: Scope, result: dict[str, Any]) -> dict[str, Any]:
        """Apply changed_when and failed_when."""
        if result.get("skipped") or not ("changed_when" in task.keywords or "failed_when" in task.keywords):
            result.setdefault("failed", False)
            return result
        templar = self.variables.templar
        try:
            for keyword, key in (("changed_when", "changed"), ("failed_when", "failed")):
                if keyword in task.keywords:
                    if keyword == "failed_when" and "failed" not in result:
                        result["failed"] = False
                    conditions = (
                        task.keywords[keyword]
                        if isinstance(task.keywords[keyword], list)
                        else [task.keywords[keyword]]
                    )
                    seen = self._seen(task, scope, result)
                    result[key] = all(templar.test(condition, seen, keyword) for condition in conditions)
                    if key == "failed":
                        result["failed_when_result"] = result[key]
        except TemplatingError as error:
            if not result.get("failed"):
                result.update(failed=True, msg=f"{error} ({task.place})")
        result.setdefault("failed", False)
        return result

    def _once(self, task: Task, host: str, scopes: list[Scope]) -> list[dict[str, Any]]:
        results: list[Any] = [None] * len(scopes)
        remote: list[tuple[int, Call, list[Remote]]] = []
        for index, scope in enumerate(scopes):
            done = self._guard(task, self._prepare, task, host, scope, index, remote)
            if done is not None:
                results[index] = done
        if remote:
            self._send(task, host, scopes, remote, results)
        return results

    def _prepare(
        self, task: Task, host: str, scope: Scope, index: int, remote: list[Any]
    ) -> dict[str, Any] | None:
        call = self._call(task, host, scope)
        if task.module in local.ACTIONS:
            return local.ACTIONS[task.module](call)
        if task.module == "wait_for_connection":
            return self._wait_for_connection(task, call)
        remote.append((index, call, self._remote(call)))
        return None

    def _call(self, task: Task, host: str, scope: Scope) -> Call:
        raw = task.args
        templar = self.variables.templar
        literal = local.CONDITIONS.get(task.module)
        if task.module == "debug" and isinstance(raw, dict) and "var" in raw:
            literal = "var"
        args = {
            key: value if key == literal else without_omitted(templar.value(value, scope, str(key)))
            for key, value in raw.items()
            if key != "fail_msg" or task.module != "assert"
        }
        if task.module == "assert" and "fail_msg" in raw:
            try:
                args["fail_msg"] = templar.value(raw["fail_msg"], scope)
            except TemplatingError:
                args["fail_msg"] = raw["fail_msg"]
        args = {templar.value(key, scope): value for key, value in args.items() if value != OMIT}
        check, diff = task.get("check_mode"), task.get("diff")
        check = self.variables.options.check if check is None else truth(templar.value(check, scope))
        diff = self.variables.options.diff if diff is None else truth(templar.value(diff, scope))
        no_log = self.no_log(task, scope)
        return Call(task, host, scope, templar, args, self.variables.playbook_dir, check, diff and not no_log)

    def no_log(self, task: Task, scope: Scope) -> bool:
        """Whether the result is kept from output and journal."""
        return truth(self.variables.templar.value(task.get("no_log", False), scope))

    def _remote(self, call: Call) -> list[Remote]:
        name = call.task.module
        if name in ("copy", "template", "unarchive", "script", "fetch"):
            found = importlib.import_module(f"kprov.playbook.action.{name}").prepare(call)
            return found if isinstance(found, list) else [found]
        if name in ("shell", "raw"):
            return [Remote("command", {**call.args, "_shell": True})]
        return [Remote(name, call.args)]

    def _send(
        self,
        task: Task,
        host: str,
        scopes: list[Scope],
        remote: list[tuple[int, Call, list[Remote]]],
        results: list[Any],
    ) -> None:
        first = remote[0][1]
        target = task.get("delegate_to")
        target = (
            str(self.variables.templar.value(target, first.scope, "delegate_to"))
            if target is not None
            else host
        )
        become = self.become(task, first.scope, target, host)
        flat = [(index, call, one) for index, call, calls in remote for one in calls]
        items, contents = [], {}
        for _, call, one in flat:
            environment: dict[str, Any] = {}
            for entry in task.collected("environment"):
                environment.update(self.variables.templar.value(entry, call.scope, "environment") or {})
            items.append({"args": one.args, "environment": environment})
            contents.update(one.contents)
        answers = []
        if flat:
            agent = self.connections.get(target).agent(become)
            answers = agent.run(flat[0][2].module, items, contents, check=first.check, diff=first.diff)
        for index, call, calls in remote:
            mine = [answer for (where, _, _), answer in zip(flat, answers, strict=True) if where == index]
            result = mine[0] if len(calls) == 1 else _joined(mine)
            if task.module == "fetch":
                from kprov.playbook.action import fetch

                result = fetch.finish(call, result)
            if target != host:
                result["_ansible_delegated_vars"] = {"ansible_host": target}
            results[index] = result

    def become(self, task: Task | None, scope: Scope, target: str, host: str) -> Become | None:
        """As whom a task runs: its keywords, or the host's variables, which win as in Ansible."""
        templar = self.variables.templar

        def asked(keyword: str, *names: str) -> Any:
            where = scope if target == host else Scope(templar, self.variables.host_layers(target))
            for name in names:
                if name in where:
                    return templar.value("{{ " + name + " }}", where, name)
            return templar.value(task.get(keyword), scope, keyword) if task is not None else None

        if not truth(asked("become", "ansible_become")):
            return None
        password = asked("-", "ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")
        method = str(asked("become_method", "ansible_become_method") or "sudo").split(".")[-1]
        if method not in ("sudo", "doas", "su"):
            raise InputError(f"become_method {method!r} is not supported; sudo is", field="become_method")
        exe = asked("become_exe", "ansible_become_exe") or method
        return Become(
            str(asked("become_user", "ansible_become_user") or "root"),
            method,
            None if password is None else str(password),
            str(exe),
        )

    def _wait_for_connection(self, task: Task, call: Call) -> dict[str, Any]:
        start = time.monotonic()
        timeout, pause = float(call.args.get("timeout") or 600), float(call.args.get("sleep") or 1)
        time.sleep(float(call.args.get("delay") or 0))
        while True:
            try:
                self.connections.drop(call.host)
                self.connections.get(call.host).agent(
                    self.become(task, call.scope, call.host, call.host)
                ).run("ping", [{"args": {}}])
                return {"changed": False, "elapsed": int(time.monotonic() - start)}
            except (UnreachableError, PreflightError) as error:
                if time.monotonic() - start > timeout:
                    return {
                        "changed": False,
                        "failed": True,
                        "msg": f"timed out waiting for the host: {error.reason}",
                        "elapsed": int(timeout),
                    }
                time.sleep(pause)


def _joined(results: list[dict[str, Any]]) -> dict[str, Any]:
    """One result for a folder that was copied file by file."""
    failed = next((result for result in results if result.get("failed")), None)
    if failed:
        return failed
    diffs = [entry for result in results for entry in (result.get("diff") or [])]
    return {"changed": any(result.get("changed") for result in results), **({"diff": diffs} if diffs else {})}
