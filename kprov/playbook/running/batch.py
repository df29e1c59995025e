"""One play on the hosts of one batch: sections, blocks, tasks and handlers, in a strategy's order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kprov.errors import InputError
from kprov.playbook.connections.module_sender import Sender
from kprov.playbook.model.plays import Block, Node, Play, Task
from kprov.playbook.results.journal import fingerprint
from kprov.playbook.results.run_result import TaskTime
from kprov.playbook.running import call_builder, includes, task_conditions, task_selection
from kprov.playbook.running.handlers import Handlers
from kprov.playbook.running.includes import Includes
from kprov.playbook.running.result_recorder import Recorder
from kprov.playbook.running.run_state import RunState
from kprov.playbook.running.task_executor import Executor
from kprov.playbook.templating.scope import Scope
from kprov.playbook.variables.precedence import Variables
from kprov.transport.agent_modules import parse_boolean

#: Actions that are done once for all hosts.
_FOR_ALL = ("add_host", "pause")
#: Metas whose condition counts on the first host for all of them, and those without conditions.
_ASKS_ONE = ("refresh_inventory", "clear_facts", "clear_host_errors", "end_batch", "end_play")
_ASKS_NONE = ("noop", "refresh_inventory", "reset_connection")
#: What a meta whose condition is not met says that it does instead.
_GOES_ON = {
    "flush_handlers": "not running handlers for {host}",
    "clear_facts": "not clearing facts and fact cache for {host}",
    "clear_host_errors": "not clearing host error state for {host}",
    "end_batch": "continuing current batch",
    "end_play": "continuing play",
    "end_host": "continuing execution for {host}",
    "end_role": "continuing role {role} for {host}",
}


class Batch:
    """Brings hosts through a play."""

    def __init__(
        self, state: RunState, variables: Variables, sender: Sender, play: Play, hosts: list[str]
    ) -> None:
        self.state = state
        self.variables = variables
        self.sender = sender
        self.play = play
        self.hosts = hosts
        self.executor = Executor(variables, sender, play, state.callbacks, self._retried)
        self.handlers = Handlers(play, self.scope, state.journal)
        self.includes = Includes(play, self.scope)
        self.recorder = Recorder(state, variables, self.executor, self.handlers, self.scope)
        variables.active = lambda: state.alive(variables.play_hosts)
        variables.batch = lambda: state.alive(hosts)
        variables.lost = state.unreachable
        variables.failed = state.failed
        percent = play.keywords.get("max_fail_percentage")
        scope = Scope(variables.templar, variables.host_layers(hosts[0]))
        found = variables.templar.value(percent, scope, "max_fail_percentage")
        self.max_fail_percentage = None if found is None else float(found)

    def run(self) -> None:
        """The whole play. Raises InputError for what only a run can find wrong in its files."""
        workers = max(1, min(self.state.options.forks, len(self.hosts)))
        strategy = str(self.play.keywords.get("strategy") or "linear").removeprefix("ansible.builtin.")
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="host") as pool:
            try:
                if strategy == "linear":
                    _Walk(self, pool.map).through(self.hosts)
                else:
                    for _ in pool.map(lambda host: _Walk(self, map, free=True).through([host]), self.hosts):
                        pass
            except BaseException:
                # Somebody who waits for a host must not keep Ctrl-C waiting.
                self.state.interrupted = True
                pool.shutdown(wait=False, cancel_futures=True)
                self.sender.connections.close()
                raise

    def owe(self, hosts: list[str]) -> None:
        """Handlers that an earlier run notified and did not run wait again; a resumed run knows them."""
        earlier = self.state.earlier
        if earlier is None or self.state.memory is not None:
            return
        with self.state.lock:
            # Of a role that is used twice, the handlers of the last use are those that are notified.
            last = {fingerprint(handler): handler for handler in self.play.handlers}
            for known, handler in last.items():
                for host in hosts:
                    if (host, known) in earlier.owed:
                        self.handlers.owe(handler, host)

    def scope(self, node: Node, host: str) -> Scope:
        """What a node sees on a host."""
        return self.variables.scope(host, self.play, node, include=self.includes.given(node, host))

    def _retried(self, host: str, task: Task, attempt: int, left: int) -> None:
        with self.state.lock:
            self.state.callbacks.retry(host, task_selection.shown(task), attempt, left)


class _Walk:
    """Hosts on their way through a play, task by task: all of them together, or one alone (`free`)."""

    def __init__(self, batch: Batch, spread: Callable[..., Iterable[Any]], *, free: bool = False) -> None:
        self.batch = batch
        self.state = batch.state
        self.spread = spread
        self.free = free

    def through(self, hosts: list[str]) -> None:
        """All sections, with the handlers after each."""
        for number, section in enumerate(self.batch.play.sections):
            if number == 1:
                self.batch.owe(hosts)
            self.tasks(section, hosts)
            self.flush(hosts)

    def tasks(self, nodes: list[Task | Block], hosts: list[str], *, handler: bool = False) -> None:
        """Nodes one after the other, on the hosts that are left."""
        for node in nodes:
            left = self.state.in_role(self.state.alive(hosts), node)
            if not left:
                continue
            if isinstance(node, Block):
                self.block(node, left)
            else:
                self.task(node, left, handler=handler)

    def block(self, block: Block, hosts: list[str]) -> None:
        """A block, its rescue for hosts on which it failed, its always for all."""
        self.tasks(block.tasks, hosts)
        if block.whole_role and block.role is not None:
            for host in self.state.alive(hosts):
                self.state.host(host).done_roles |= {block.role.key} & self.state.host(host).begun_roles
        if block.rescue:
            broken = [host for host in hosts if self.state.host(host).failed]
            for host in broken:
                state, stats = self.state.host(host), self.state.stats(host)
                if state.by_itself:
                    stats.failed -= 1
                    stats.rescued += 1
                state.failed = state.by_itself = False
            if broken:
                self.tasks(block.rescue, broken)
        if block.always:
            failed = [host for host in hosts if self.state.host(host).failed]
            for host in failed:
                self.state.host(host).failed = False
            self.tasks(block.always, hosts)
            for host in failed:
                self.state.host(host).failed = True

    def task(self, task: Task, hosts: list[str], *, handler: bool = False) -> None:
        """One task on hosts."""
        if not handler and not task_selection.selected(task, self.state):
            return
        if task.module == "meta":
            self.meta(task, hosts)
            return
        if self.state.stepping and not self._asked(task):
            return
        if task.module in ("include_tasks", "include_role"):
            self.include(task, hosts, handler=handler)
            return
        start = time.monotonic()
        once = not self.free and (task.module in _FOR_ALL or self._flag(task, "run_once", hosts[0]))
        todo = hosts[:1] if once else hosts
        with self.state.lock:
            title = self.batch.recorder.titled(task, hosts[0])
            self.state.callbacks.task_started(title, handler=handler, hosts=todo)
        lost = len(self.state.lost(hosts))
        self._do(task, todo, hosts if len(todo) < len(hosts) else todo)
        with self.state.lock:
            self.state.result.tasks.append(
                TaskTime(task_selection.shown(task), round(time.monotonic() - start, 4))
            )
        if not self.free and len(self.state.lost(hosts)) > lost and self._ends_all(task, once=once):
            for host in self.state.alive(self.batch.hosts):
                self.state.host(host).failed = True

    def _ends_all(self, task: Task, *, once: bool) -> bool:
        """Whether a failure ends the play for all: it is fatal, or there are too many of them."""
        if (once and not task.get("ignore_errors")) or self._flag(
            task, "any_errors_fatal", self.batch.hosts[0]
        ):
            return True
        percent = self.batch.max_fail_percentage
        failed = sum(self.state.host(host).failed for host in self.batch.hosts)
        return percent is not None and 100 * failed / len(self.batch.hosts) > percent

    def _do(self, task: Task, todo: list[str], hosts: list[str]) -> None:
        throttle = self._throttle(task, todo[0])
        parts = [todo[i : i + throttle] for i in range(0, len(todo), throttle)] if throttle else [todo]
        others = [host for host in hosts if host not in todo]
        for part in parts:
            if len(part) == 1:
                self.one(task, part[0], others)
            else:
                for _ in self.spread(lambda host: self.one(task, host, []), part):
                    pass
            if throttle and self._flag(task, "any_errors_fatal", part[0]) and self.state.lost(part):
                # One after the other is meant to keep something up: a failure is not repeated on the next.
                break

    def one(self, task: Task, host: str, others: list[str]) -> None:
        """One task on one host, recorded; or known from the run that this one goes on with."""
        state, batch = self.state, self.batch
        with state.lock:
            key = state.journal.key(host, task)
            known = state.memory.recall(host, key) if state.memory else None
            if known is not None and not call_builder.is_local(task):
                batch.recorder.recalled(task, host, known, key, others)
                return
            if task.collected("notify"):
                state.journal.write("begin", host=host, key=key)
            state.callbacks.host_started(host, task_selection.shown(task))
        start = time.monotonic()
        result = batch.executor.run(task, host, batch.includes.given(task, host))
        with state.lock:
            if state.interrupted:
                return
            batch.recorder.take(task, host, result, time.monotonic() - start, key=key, others=others)

    def _flag(self, task: Task, keyword: str, host: str) -> bool:
        given = task.get(keyword)
        if given is None or isinstance(given, bool):
            return bool(given)
        return parse_boolean(self.batch.variables.templar.value(given, self.batch.scope(task, host), keyword))

    def _throttle(self, task: Task, host: str) -> int:
        given = task.get("throttle")
        if given is None or self.free:
            return 0
        return int(self.batch.variables.templar.value(given, self.batch.scope(task, host), "throttle") or 0)

    def _asked(self, task: Task) -> bool:
        with self.state.lock:
            answer = self.state.callbacks.ask_step(task_selection.shown(task))
        if answer == "c":
            self.state.stepping = False
        return answer != "n"

    def include(self, task: Task, hosts: list[str], *, handler: bool) -> None:
        """Tasks of a file or role, for the hosts that want them; items one after the other."""
        once = not self.free and self._flag(task, "run_once", hosts[0])
        wanted, errors, told = self.batch.includes.wanted(task, hosts[:1] if once else hosts)
        with self.state.lock:
            title = self.batch.recorder.titled(task, hosts[0])
            self.state.callbacks.task_started(title, handler=handler, hosts=hosts)
            coming = {host for included in wanted for host in included.hosts}
            for host, results in told.items():
                if host not in coming:
                    self._included(task, host, includes.result(results))
            for host, error in errors.items():
                self._included(task, host, {"failed": True, "changed": False, "msg": error})
        brought = []
        for included in wanted:
            if once:
                included.hosts = self.state.alive(hosts)
            try:
                with self.state.lock:
                    brought.append((included, self.batch.includes.nodes(task, included)))
            except InputError as error:
                with self.state.lock:
                    for host in self.state.alive(included.hosts):
                        self._included(task, host, {"failed": True, "changed": False, "msg": str(error)})
        with self.state.lock:
            for host in self.state.alive(hosts[:1] if once else hosts):
                mine = sum(host in included.hosts for included, _ in brought)
                if mine and host in told:
                    self._included(task, host, includes.result(told[host]))
                    self.state.stats(host).ok += mine - 1
        for included, nodes in brought:
            self.tasks(nodes, self.state.alive(included.hosts), handler=handler)

    def _included(self, task: Task, host: str, result: dict[str, Any]) -> None:
        self.batch.recorder.take(task, host, result, 0.0, key="", others=[])

    def flush(self, hosts: list[str]) -> None:
        """Run the handlers that were notified, in the order they are written."""
        forced = self.state.options.force_handlers or self.batch.play.keywords.get("force_handlers")
        for handler in list(self.batch.play.handlers):
            with self.state.lock:
                waiting = self.batch.handlers.take(handler)
                mine = [host for host in waiting if host in hosts]
                if len(mine) < len(waiting):
                    # With the free strategy others flush for themselves.
                    self.batch.handlers.put_back(handler, [host for host in waiting if host not in hosts])
            left = [host for host in mine if not self.state.host(host).out]
            if forced:
                failed = [host for host in mine if self.state.host(host).failed]
                for host in failed:
                    self.state.host(host).failed = False
                left = [host for host in mine if not self.state.host(host).out]
                self._handle(handler, left)
                for host in failed:
                    self.state.host(host).failed = True
            else:
                self._handle(handler, left)

    def _handle(self, handler: Task, hosts: list[str]) -> None:
        if hosts:
            self.task(handler, hosts, handler=True)

    def meta(self, task: Task, hosts: list[str]) -> None:
        """What concerns the run itself."""
        word = str(task.args["_raw_params"])
        if word in _ASKS_NONE and task.keywords.get("when") is not None:
            with self.state.lock:
                self.state.callbacks.warning(f"{task.place}: meta: {word} takes no condition and is done")
        asked = hosts[:1] if word in _ASKS_ONE and not self.free else hosts
        met = asked
        if task.collected("when") and word not in _ASKS_NONE:
            met = [h for h in asked if task_conditions.skipped(task, self.batch.scope(task, h)) is None]
            self._passed_over(task, word, [h for h in asked if h not in met])
        if not met:
            return
        state, everyone = self.state, self.batch.hosts
        if word == "flush_handlers":
            self.flush(met)
        elif word in ("end_play", "end_batch", "end_host"):
            for host in met if word == "end_host" else everyone:
                state.host(host).ended = True
            state.result.play_ended = word == "end_play"
        elif word == "end_role":
            for host in met:
                state.host(host).ended_roles |= {id(task.role)}
        elif word == "clear_host_errors":
            for host in everyone:
                state.host(host).forgiven = True
        elif word == "clear_facts":
            for host in self.batch.variables.play_hosts:
                self.batch.variables.facts.of(host).clear()
        elif word == "reset_connection":
            for host in met:
                self.batch.sender.connections.drop(host)
        elif word == "refresh_inventory":
            self.batch.variables.forget()

    def _passed_over(self, task: Task, word: str, hosts: list[str]) -> None:
        """Tell of hosts for which a meta's condition is not met; Ansible counts them nowhere."""
        if not hosts:
            return
        with self.state.lock:
            self.state.callbacks.task_started(task_selection.shown(task), handler=False, hosts=hosts)
            for host in hosts:
                goes_on = _GOES_ON[word].format(host=host, role=task.role.name if task.role else "")
                said = f"{word} conditional evaluated to false, {goes_on}" if word == "end_host" else word
                result = {
                    "changed": False,
                    "skipped": True,
                    "msg": said,
                    "skip_reason": f"{word} conditional evaluated to False, {goes_on}",
                }
                self.state.callbacks.host_done(
                    host, task_selection.shown(task), "skipped", result, 0.0, task.place
                )
