"""Run one play on one batch of hosts: sections, blocks, tasks and handlers in the order of the strategy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kprov.errors import InputError
from kprov.playbook.connections.module_sender import ModuleSender
from kprov.playbook.model.plays import Block, Node, Play, Task
from kprov.playbook.results.journal import task_fingerprint
from kprov.playbook.results.run_result import TaskTime
from kprov.playbook.running import call_builder, includes, keyword_numbers, task_selection
from kprov.playbook.running.handlers import Handlers
from kprov.playbook.running.includes import IncludeExpander
from kprov.playbook.running.meta_tasks import MetaTasks
from kprov.playbook.running.result_recorder import ResultRecorder
from kprov.playbook.running.run_state import RunState
from kprov.playbook.running.task_executor import TaskExecutor
from kprov.playbook.templating.scope import Scope
from kprov.playbook.variables.precedence import Variables
from kprov.transport.agent_modules import parse_boolean

#: Actions that run once for all hosts.
_FOR_ALL = ("add_host", "pause")


class Batch:
    """The run of a play on one batch of hosts."""

    def __init__(
        self, state: RunState, variables: Variables, sender: ModuleSender, play: Play, hosts: list[str]
    ) -> None:
        self.state = state
        self.variables = variables
        self.sender = sender
        self.play = play
        self.hosts = hosts
        self.executor = TaskExecutor(variables, sender, play, state.callbacks, self._report_retry)
        self.handlers = Handlers(play, self.scope, state.journal)
        self.includes = IncludeExpander(play, self.scope)
        self.recorder = ResultRecorder(state, variables, self.executor, self.handlers, self.scope)
        variables.active = lambda: state.active_hosts(variables.play_hosts)
        variables.batch = lambda: state.active_hosts(hosts)
        variables.find_unreachable = state.unreachable_hosts
        variables.failed = state.failed_hosts
        percent = play.keywords.get("max_fail_percentage")
        scope = Scope(variables.templar, variables.host_layers(hosts[0]))
        self.max_fail_percentage = (
            None
            if percent is None
            else keyword_numbers.render_percentage(play, scope, "max_fail_percentage", percent)
        )

    def run(self) -> None:
        """Run the whole play. Raises InputError for a mistake in its files that only a run can find."""
        workers = max(1, min(self.state.options.forks, len(self.hosts)))
        strategy = str(self.play.keywords.get("strategy") or "linear").removeprefix("ansible.builtin.")
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="host") as pool:
            try:
                if strategy == "linear":
                    _PlayWalk(self, pool.map).run_sections(self.hosts)
                else:
                    for _ in pool.map(
                        lambda host: _PlayWalk(self, map, free=True).run_sections([host]), self.hosts
                    ):
                        pass
            except BaseException:
                # A thread that waits for a host must not delay Ctrl-C.
                self.state.interrupted = True
                pool.shutdown(wait=False, cancel_futures=True)
                self.sender.connections.close()
                raise

    def restore_pending_handlers(self, hosts: list[str]) -> None:
        """Add the handlers that an earlier run notified and did not run; a resumed run knows them."""
        earlier = self.state.earlier_run
        if earlier is None or self.state.resumed_run is not None:
            return
        with self.state.lock:
            # When a role is used twice, a notification reaches the handlers of its last use.
            last = {task_fingerprint(handler): handler for handler in self.play.handlers}
            for key, handler in last.items():
                for host in hosts:
                    if (host, key) in earlier.pending_handlers:
                        self.handlers.add_pending(handler, host)

    def scope(self, node: Node, host: str) -> Scope:
        """Return the variables of a node on a host."""
        return self.variables.task_scope(
            host, self.play, node, include=self.includes.collect_variables(node, host)
        )

    def _report_retry(self, host: str, task: Task, attempt: int, remaining: int) -> None:
        with self.state.lock:
            self.state.callbacks.retry(host, task_selection.display_name(task), attempt, remaining)


class _PlayWalk:
    """Run the tasks of a play in order, on all hosts together or, with the free strategy, on one host."""

    def __init__(self, batch: Batch, spread: Callable[..., Iterable[Any]], *, free: bool = False) -> None:
        self.batch = batch
        self.state = batch.state
        self.spread = spread
        self.free = free
        self.meta_tasks = MetaTasks(
            batch.state, batch.sender, batch.hosts, batch.scope, self.flush_handlers, free=free
        )

    def run_sections(self, hosts: list[str]) -> None:
        """Run all sections, and the notified handlers after each."""
        sections = self.batch.play.sections
        self.batch.restore_pending_handlers(hosts)
        for number, section in enumerate(sections, 1):
            self.run_nodes(section, hosts)
            if number == len(sections):
                with self.state.lock:
                    self.batch.handlers.release_pending(hosts)
            self.flush_handlers(hosts)

    def run_nodes(self, nodes: list[Task | Block], hosts: list[str], *, handler: bool = False) -> None:
        """Run nodes one after the other on the hosts that are still active."""
        for node in nodes:
            remaining = self.state.filter_by_role(self.state.active_hosts(hosts), node)
            if not remaining:
                continue
            if isinstance(node, Block):
                self.run_block(node, remaining)
            else:
                self.run_task(node, remaining, handler=handler)

    def run_block(self, block: Block, hosts: list[str]) -> None:
        """Run a block, its rescue on the hosts where it failed, and its always on all hosts."""
        self.run_nodes(block.tasks, hosts)
        if block.whole_role and block.role is not None:
            for host in self.state.active_hosts(hosts):
                self.state.host(host).done_roles |= {block.role.key} & self.state.host(host).begun_roles
        if block.rescue:
            broken = [host for host in hosts if self.state.host(host).failed]
            for host in broken:
                state, stats = self.state.host(host), self.state.stats(host)
                if state.own_failure:
                    stats.failed -= 1
                    stats.rescued += 1
                state.failed = state.own_failure = False
            if broken:
                self.run_nodes(block.rescue, broken)
        if block.always:
            failed = [host for host in hosts if self.state.host(host).failed]
            for host in failed:
                self.state.host(host).failed = False
            self.run_nodes(block.always, hosts)
            for host in failed:
                self.state.host(host).failed = True

    def run_task(self, task: Task, hosts: list[str], *, handler: bool = False) -> None:
        """Run one task on hosts."""
        if not handler and not task_selection.is_selected(task, self.state):
            return
        if task.module == "meta":
            self.meta_tasks.run(task, hosts)
            return
        if self.state.stepping and not self._confirm_step(task):
            return
        if task.module in ("include_tasks", "include_role"):
            self.run_include(task, hosts, handler=handler)
            return
        start = time.monotonic()
        once = not self.free and (task.module in _FOR_ALL or self._evaluate_flag(task, "run_once", hosts[0]))
        todo = hosts[:1] if once else hosts
        with self.state.lock:
            title = self.batch.recorder.render_title(task, hosts[0])
            self.state.callbacks.task_started(title, handler=handler, hosts=todo)
        removed_before = len(self.state.removed_hosts(hosts))
        self._run_on_hosts(task, todo, hosts if len(todo) < len(hosts) else todo)
        with self.state.lock:
            self.state.result.tasks.append(
                TaskTime(task_selection.display_name(task), round(time.monotonic() - start, 4))
            )
        if (
            not self.free
            and len(self.state.removed_hosts(hosts)) > removed_before
            and self._ends_play(task, once=once)
        ):
            for host in self.state.active_hosts(self.batch.hosts):
                self.state.host(host).failed = True

    def _ends_play(self, task: Task, *, once: bool) -> bool:
        """Whether a failure ends the play for all hosts: it is fatal, or too many hosts failed."""
        if (once and not task.get("ignore_errors")) or self._evaluate_flag(
            task, "any_errors_fatal", self.batch.hosts[0]
        ):
            return True
        percent = self.batch.max_fail_percentage
        failed = sum(self.state.host(host).failed for host in self.batch.hosts)
        return percent is not None and 100 * failed / len(self.batch.hosts) > percent

    def _run_on_hosts(self, task: Task, todo: list[str], hosts: list[str]) -> None:
        throttle = self._evaluate_throttle(task, todo[0])
        parts = [todo[i : i + throttle] for i in range(0, len(todo), throttle)] if throttle else [todo]
        others = [host for host in hosts if host not in todo]
        for part in parts:
            if len(part) == 1:
                self.run_on_host(task, part[0], others)
            else:
                for _ in self.spread(lambda host: self.run_on_host(task, host, []), part):
                    pass
            if (
                throttle
                and self._evaluate_flag(task, "any_errors_fatal", part[0])
                and self.state.removed_hosts(part)
            ):
                # Hosts take turns to keep a service available: do not repeat the failure on the next host.
                break

    def run_on_host(self, task: Task, host: str, others: list[str]) -> None:
        """Run one task on one host and record the result; take it from the resumed run if it has one."""
        state, batch = self.state, self.batch
        with state.lock:
            key = state.journal.next_key(host, task)
            earlier_result = state.resumed_run.find_result(host, key) if state.resumed_run else None
            if earlier_result is not None and not call_builder.is_run_action(task):
                batch.recorder.record_earlier_result(task, host, earlier_result, key, others)
                return
            if task.collect_keyword("notify"):
                state.journal.write("begin", host=host, key=key)
            state.callbacks.host_started(host, task_selection.display_name(task))
        start = time.monotonic()
        result = batch.executor.run(task, host, batch.includes.collect_variables(task, host))
        with state.lock:
            if state.interrupted:
                return
            batch.recorder.record(task, host, result, time.monotonic() - start, key=key, others=others)

    def _evaluate_flag(self, task: Task, keyword: str, host: str) -> bool:
        value = task.get(keyword)
        if value is None or isinstance(value, bool):
            return bool(value)
        return parse_boolean(
            self.batch.variables.templar.render(value, self.batch.scope(task, host), keyword)
        )

    def _evaluate_throttle(self, task: Task, host: str) -> int:
        value = task.get("throttle")
        if value is None or self.free:
            return 0
        return keyword_numbers.render_whole(task, self.batch.scope(task, host), "throttle", value)

    def _confirm_step(self, task: Task) -> bool:
        with self.state.lock:
            answer = self.state.callbacks.ask_step(task_selection.display_name(task))
        if answer == "c":
            self.state.stepping = False
        return answer != "n"

    def run_include(self, task: Task, hosts: list[str], *, handler: bool) -> None:
        """Run the tasks of an included file or role on its hosts, one loop item after the other."""
        once = not self.free and self._evaluate_flag(task, "run_once", hosts[0])
        including = hosts[:1] if once else hosts
        files, errors, results = self.batch.includes.find_included(task, including)
        with self.state.lock:
            title = self.batch.recorder.render_title(task, hosts[0])
            self.state.callbacks.task_started(title, handler=handler, hosts=hosts)
            with_tasks = {host for file in files for host in file.hosts}
            for host, item_results in results.items():
                if host not in with_tasks:
                    self._record_include(task, host, includes.combine_results(item_results))
            for host, error in errors.items():
                self._record_include(task, host, {"failed": True, "changed": False, "msg": error})
        if once:
            for file in files:
                file.hosts = self.state.active_hosts(hosts)
        loaded = self._load_included(task, files)
        with self.state.lock:
            for host in self.state.active_hosts(including):
                count = sum(host in file.hosts for file, _ in loaded)
                if count and host in results:
                    self._record_include(task, host, includes.combine_results(results[host]))
                    self.state.stats(host).ok += count - 1
        for file, nodes in loaded:
            self.run_nodes(nodes, self.state.active_hosts(file.hosts), handler=handler)

    def _load_included(
        self, task: Task, files: list[includes.IncludedFile]
    ) -> list[tuple[includes.IncludedFile, list[Task | Block]]]:
        """Load included files; a mistake in one fails the task on its hosts."""
        loaded = []
        for file in files:
            try:
                with self.state.lock:
                    loaded.append((file, self.batch.includes.load_nodes(task, file)))
            except InputError as error:
                with self.state.lock:
                    for host in self.state.active_hosts(file.hosts):
                        result = {"failed": True, "changed": False, "msg": str(error)}
                        self._record_include(task, host, result)
        return loaded

    def _record_include(self, task: Task, host: str, result: dict[str, Any]) -> None:
        self.batch.recorder.record(task, host, result, 0.0, key="", others=[])

    def flush_handlers(self, hosts: list[str]) -> None:
        """Run the notified handlers in the order of the files."""
        forced = self.state.options.force_handlers or self.batch.play.keywords.get("force_handlers")
        for handler in list(self.batch.play.handlers):
            with self.state.lock:
                waiting = self.batch.handlers.take_hosts(handler)
                notified = [host for host in waiting if host in hosts]
                if len(notified) < len(waiting):
                    # With the free strategy each host flushes its own handlers.
                    self.batch.handlers.return_hosts(handler, [host for host in waiting if host not in hosts])
            remaining = [host for host in notified if not self.state.host(host).is_out]
            if forced:
                failed = [host for host in notified if self.state.host(host).failed]
                for host in failed:
                    self.state.host(host).failed = False
                remaining = [host for host in notified if not self.state.host(host).is_out]
                self._run_handler(handler, remaining)
                for host in failed:
                    self.state.host(host).failed = True
            else:
                self._run_handler(handler, remaining)

    def _run_handler(self, handler: Task, hosts: list[str]) -> None:
        if hosts:
            self.run_task(handler, hosts, handler=True)
