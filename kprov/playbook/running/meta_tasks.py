"""Meta tasks: flush_handlers, end_play, clear_facts and the others."""

from __future__ import annotations

from collections.abc import Callable

from kprov.playbook.connections.module_sender import ModuleSender
from kprov.playbook.model.plays import Task
from kprov.playbook.running import task_conditions, task_selection
from kprov.playbook.running.run_state import RunState
from kprov.playbook.templating.scope import Scope

#: Meta tasks whose condition the first host decides for all hosts, and those without a condition.
_ONE_CONDITION = ("refresh_inventory", "clear_facts", "clear_host_errors", "end_batch", "end_play")
_NO_CONDITION = ("noop", "refresh_inventory", "reset_connection")
#: The text of a meta task whose condition is false.
_SKIP_TEXTS = {
    "flush_handlers": "not running handlers for {host}",
    "clear_facts": "not clearing facts and fact cache for {host}",
    "clear_host_errors": "not clearing host error state for {host}",
    "end_batch": "continuing current batch",
    "end_play": "continuing play",
    "end_host": "continuing execution for {host}",
    "end_role": "continuing role {role} for {host}",
}


class MetaTasks:
    """Runs the meta tasks of one batch of hosts."""

    def __init__(
        self,
        state: RunState,
        sender: ModuleSender,
        hosts: list[str],
        scope: Callable[[Task, str], Scope],
        flush_handlers: Callable[[list[str]], None],
        *,
        free: bool,
    ) -> None:
        self._state = state
        self._sender = sender
        self._variables = sender.variables
        self._hosts = hosts
        self._scope = scope
        self._free = free
        self._flush_handlers = flush_handlers

    def run(self, task: Task, hosts: list[str]) -> None:
        """Run a meta task on the hosts where its condition is true."""
        word = str(task.args["_raw_params"])
        active = self._select_hosts(task, word, hosts)
        if not active:
            return
        match word:
            case "flush_handlers":
                self._flush_handlers(active)
            case "end_play" | "end_batch":
                self._end(self._hosts, ends_play=word == "end_play")
            case "end_host":
                self._end(active, ends_play=False)
            case "end_role":
                for host in active:
                    self._state.host(host).ended_roles |= {id(task.role)}
            case _:
                self._reset(word, active)

    def _select_hosts(self, task: Task, word: str, hosts: list[str]) -> list[str]:
        if word in _NO_CONDITION and task.keywords.get("when") is not None:
            with self._state.lock:
                self._state.callbacks.warning(f"{task.place}: meta: {word} takes no condition and is done")
        checked = hosts[:1] if word in _ONE_CONDITION and not self._free else hosts
        if not task.collect_keyword("when") or word in _NO_CONDITION:
            return checked
        active = [h for h in checked if task_conditions.check_when(task, self._scope(task, h)) is None]
        self._report_skipped(task, word, [h for h in checked if h not in active])
        return active

    def _end(self, hosts: list[str], *, ends_play: bool) -> None:
        for host in hosts:
            self._state.host(host).ended = True
        self._state.result.play_ended = ends_play

    def _reset(self, word: str, hosts: list[str]) -> None:
        """Reset errors, facts, connections or the inventory."""
        match word:
            case "clear_host_errors":
                for host in self._hosts:
                    self._state.host(host).errors_cleared = True
            case "clear_facts":
                for host in self._variables.play_hosts:
                    self._variables.facts.host_facts(host).clear()
            case "reset_connection":
                for host in hosts:
                    self._sender.connections.drop(host)
            case "refresh_inventory":
                self._variables.clear_inventory_cache()

    def _report_skipped(self, task: Task, word: str, hosts: list[str]) -> None:
        """Report hosts where the condition of a meta task is false. Like Ansible, do not count them."""
        if not hosts:
            return
        name = task_selection.display_name(task)
        with self._state.lock:
            self._state.callbacks.task_started(name, handler=False, hosts=hosts)
            for host in hosts:
                text = _SKIP_TEXTS[word].format(host=host, role=task.role.name if task.role else "")
                message = f"{word} conditional evaluated to false, {text}" if word == "end_host" else word
                result = {
                    "changed": False,
                    "skipped": True,
                    "msg": message,
                    "skip_reason": f"{word} conditional evaluated to False, {text}",
                }
                self._state.callbacks.host_done(host, name, "skipped", result, 0.0, task.place)
