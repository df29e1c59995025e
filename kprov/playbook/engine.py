"""The engine: plays a playbook on an inventory, task by task over all hosts (Ansible's linear)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kprov.agent.context import truth
from kprov.errors import InputError, UnreachableError
from kprov.inventory import patterns
from kprov.inventory.model import Inventory
from kprov.playbook import load
from kprov.playbook.executor import HIDDEN, Executor
from kprov.playbook.journal import Journal
from kprov.playbook.model import Block, Node, Play, Task
from kprov.playbook.result import Callbacks, HostStats, RunOptions, RunResult, Silent, TaskTime
from kprov.playbook.scope import Layer, Scope
from kprov.playbook.templating import Templar, TemplatingError
from kprov.playbook.variables import Variables
from kprov.transport import preflight
from kprov.transport.connection import Connections
from kprov.transport.options import Become, Options, from_variables

_CONNECTION = (
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    "ansible_ssh_private_key_passphrase",
    "ansible_private_key_passphrase",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_args",
    "ansible_connection",
    "ansible_timeout",
    "ansible_ssh_timeout",
    "ansible_python_interpreter",
    "kprov_host_key_checking",
    "ansible_host_key_checking",
    "ansible_ssh_host_key_checking",
)


class Engine:
    """One run, or several on the same connections; close it, or use it in a `with`."""

    def __init__(
        self, inventory: Inventory, options: RunOptions | None = None, callbacks: Callbacks | None = None
    ) -> None:
        self.inventory = inventory
        self.options = options or RunOptions()
        self.callbacks: Callbacks = callbacks or Silent()
        self.templar = Templar()
        self.connections = Connections(self.connection_options)
        self.variables = Variables(inventory, self.templar, self.options, inventory.path)
        self.result = RunResult()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """End all agents and connections."""
        self.connections.close()

    def host_scope(self, host: str) -> Scope:
        """A host's variables as `hostvars` shows them."""
        return Scope(self.templar, self.variables.host_layers(host))

    def connection_options(self, host: str) -> Options:
        """How a host is reached."""
        scope = self.host_scope(host)
        values = {
            name: self.templar.value("{{ " + name + " }}", scope, name)
            for name in _CONNECTION
            if name in scope
        }
        return from_variables(host, values)

    def become(self, host: str) -> Become | None:
        """As whom a host's inventory wants tasks to run; root when it says nothing."""
        executor = Executor(self.variables, self.connections, Play({}), threading.Lock())
        task = Task({"become": True})
        return executor.become(task, self.host_scope(host), host, host)

    def preflight(self, hosts: Iterable[str] | None = None) -> list[preflight.Result]:
        """Reach hosts (default: all) and read their basic facts; nothing is changed."""
        return preflight.preflight(
            self.connections, list(hosts or self.inventory.hosts), self.become, forks=self.options.forks
        )

    def run(self, playbook: Path) -> RunResult:
        """Play a playbook. InputError for mistakes in its files before any host is touched."""
        start = time.monotonic()
        plays = load.playbook(playbook)
        before = self.variables
        self.variables = Variables(self.inventory, self.templar, self.options, playbook)
        self.variables.facts, self.variables.registered = before.facts, before.registered
        self.result = RunResult()
        journal = Journal(self.options.journal)
        run = _Run(self, journal)
        try:
            journal.write("run", playbook=str(playbook), check=self.options.check, durable=True)
            for play in plays:
                if not run.play(play):
                    break
        finally:
            self.result.seconds = round(time.monotonic() - start, 3)
            journal.write("end", durable=True, ok=self.result.ok)
            journal.close()
        self.callbacks.finished(self.result)
        return self.result


class _Run:
    """State of a run over its plays."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self.engine = engine
        self.options = engine.options
        self.variables = engine.variables
        self.journal = journal
        self.result = engine.result
        self.failed: set[str] = set()
        self.dead: set[str] = set()
        self.started = self.options.start_at_task is None
        self.ended: set[str] = set()
        self.stop_play = False

    def play(self, play: Play) -> bool:
        """One play; False when the run must end."""
        scope = Scope(
            self.engine.templar,
            [
                Layer(self.options.extra_vars),
                Layer(play.variables),
                Layer(self.variables.magic("localhost"), raw=True),
            ],
        )
        wanted = self.engine.templar.value(play.hosts, scope, "hosts")
        hosts = patterns.match(self.engine.inventory, wanted)
        if not hosts and str(wanted) in ("localhost", "127.0.0.1"):
            self.engine.inventory.add_host(str(wanted)).variables.setdefault("ansible_connection", "local")
            self.variables.forget()
            hosts = [str(wanted)]
        if self.options.limit:
            limited = set(patterns.match(self.engine.inventory, self.options.limit))
            hosts = [host for host in hosts if host in limited]
        hosts = [host for host in hosts if host not in self.failed | self.dead]
        if not hosts:
            self.engine.callbacks.no_hosts(play.name)
            return bool(set(self.engine.inventory.hosts) - self.failed - self.dead)
        for host in hosts:
            self.result.hosts.setdefault(host, HostStats())
        self.engine.callbacks.play_started(play.name, hosts)
        self.journal.write("play", name=play.name, hosts=hosts)
        for batch in _batches(hosts, self.engine.templar.value(play.keywords.get("serial"), scope, "serial")):
            self.ended, self.stop_play = set(), False
            self.variables.play_hosts = hosts
            _Batch(self, play, batch).run()
            alive = [host for host in batch if host not in self.failed | self.dead]
            percent = play.keywords.get("max_fail_percentage")
            if not alive or (
                percent is not None and 100 * (len(batch) - len(alive)) / len(batch) > float(percent)
            ):
                return False
            if play.keywords.get("any_errors_fatal") and len(alive) < len(batch):
                return False
        return True


def _batches(hosts: list[str], serial: Any) -> list[list[str]]:
    sizes = serial if isinstance(serial, list) else [serial]
    batches, rest, index = [], list(hosts), 0
    while rest:
        size = sizes[min(index, len(sizes) - 1)]
        number = (
            len(hosts)
            if not size
            else max(1, int(len(hosts) * float(size[:-1]) / 100))
            if isinstance(size, str) and size.endswith("%")
            else int(size)
        )
        batches.append(rest[:number])
        rest = rest[number:]
        index += 1
    return batches


class _Batch:
    """One play on the hosts of one batch."""

    def __init__(self, run: _Run, play: Play, hosts: list[str]) -> None:
        self.running = run
        self.play = play
        self.hosts = hosts
        self.engine = run.engine
        self.executor = Executor(run.variables, run.engine.connections, play, threading.Lock())
        self.notified: dict[int, list[str]] = {}
        self.include: dict[tuple[int, str], dict[str, Any]] = {}
        self.gathering = {host: threading.Lock() for host in hosts}
        run.variables.gather = self._gather
        run.variables.active = lambda: self.alive(hosts)

    def alive(self, hosts: Iterable[str]) -> list[str]:
        """Hosts that still take part."""
        out = self.running.failed | self.running.dead | self.running.ended
        return [host for host in hosts if host not in out]

    def run(self) -> None:
        with ThreadPoolExecutor(
            max_workers=max(1, min(self.running.options.forks, len(self.hosts)))
        ) as self.pool:
            for section in self.play.sections:
                self.tasks(section, self.hosts)
                self.flush(self.hosts)

    def _gather(self, host: str) -> dict[str, Any]:
        facts = self.running.variables.facts.setdefault(host, {})
        with self.gathering.setdefault(host, threading.Lock()):
            if "ansible_facts" not in facts:
                become = self.engine.become(host) if truth(self.play.keywords.get("become", True)) else None
                result = self.engine.connections.get(host).agent(become).run("setup", [{"args": {}}])[0]
                if result.get("failed"):
                    raise UnreachableError(host, f"facts could not be gathered: {result.get('msg')}")
                self._remember_facts(host, result["ansible_facts"])
        return facts

    def _remember_facts(self, host: str, facts: dict[str, Any]) -> None:
        known = self.running.variables.facts.setdefault(host, {})
        plain = dict(known.get("ansible_facts", {}))
        for name, value in facts.items():
            plain[name.removeprefix("ansible_")] = value
            known[name if name.startswith("ansible_") else f"ansible_{name}"] = value
        known["ansible_facts"] = plain

    def tasks(self, nodes: list[Task | Block], hosts: list[str]) -> None:
        """Run nodes one after the other on the hosts that are left."""
        for node in nodes:
            left = self.alive(hosts)
            if not left or self.running.stop_play:
                return
            if isinstance(node, Block):
                self.block(node, left)
            else:
                self.task(node, left)

    def block(self, block: Block, hosts: list[str]) -> None:
        if not block.rescue and not block.always:
            self.tasks(block.tasks, hosts)
            return
        before = set(self.running.failed)
        self.tasks(block.tasks, hosts)
        broken = [host for host in hosts if host in self.running.failed - before]
        if block.rescue and broken:
            for host in broken:
                self.running.failed.discard(host)
                self.result(host).failed -= 1
                self.result(host).rescued += 1
            self.tasks(block.rescue, broken)
        if block.always:
            failed = {host for host in hosts if host in self.running.failed}
            self.running.failed -= failed
            self.tasks(block.always, hosts)
            self.running.failed |= failed

    def result(self, host: str) -> HostStats:
        return self.running.result.hosts.setdefault(host, HostStats())

    def selected(self, task: Task) -> bool:
        """Whether tags and --start-at-task let a task run."""
        tags, options = task.tags, self.running.options
        if not self.running.started:
            if _shown(task) != options.start_at_task and task.name != options.start_at_task:
                return False
            self.running.started = True
        if task.module == "meta" or ("always" in tags and "always" not in options.skip_tags):
            return True
        if set(options.skip_tags) & (
            tags | ({"tagged"} & set(options.skip_tags) if tags else {"untagged"} & set(options.skip_tags))
        ):
            return False
        wanted = set(options.tags)
        if "all" in wanted:
            return "never" not in tags or bool(tags & (wanted - {"all"}))
        return (
            bool(tags & wanted)
            or ("tagged" in wanted and bool(tags - {"never"}))
            or ("untagged" in wanted and not tags)
        )

    def task(self, task: Task, hosts: list[str], *, handler: bool = False) -> None:
        if not handler and not self.selected(task):
            return
        if task.module == "meta":
            self.meta(task, hosts)
            return
        if task.module in ("include_tasks", "include_role"):
            self.include_nodes(task, hosts)
            return
        name = _shown(task)
        start = time.monotonic()
        self.engine.callbacks.task_started(
            self._titled(task, name, hosts[0]), handler=handler, hosts=hosts
        )
        once = truth(
            self.engine.templar.value(task.get("run_once", False), self.scope(task, hosts[0]), "run_once")
        )
        failed_before = len(self.running.failed | self.running.dead)

        def work(host: str) -> tuple[str, dict[str, Any], float]:
            begun = time.monotonic()
            return host, self.executor.run(task, host, self._included(task, host)), time.monotonic() - begun

        throttle = int(
            self.engine.templar.value(task.get("throttle", 0), self.scope(task, hosts[0]), "throttle") or 0
        )
        todo = hosts[:1] if once else hosts
        for part in [todo[i : i + throttle] for i in range(0, len(todo), throttle)] if throttle else [todo]:
            done = [work(part[0])] if len(part) == 1 else list(self.pool.map(work, part))
            for host, result, seconds in done:
                self.record(
                    task, name, host, result, seconds, [h for h in hosts if h != host] if once else []
                )
        self.running.result.tasks.append(TaskTime(name, round(time.monotonic() - start, 4)))
        if len(self.running.failed | self.running.dead) > failed_before and (
            task.get("any_errors_fatal") or once
        ):
            self.running.failed.update(self.alive(hosts))
            self.running.stop_play = True

    def _titled(self, task: Task, name: str, host: str) -> str:
        try:
            return str(self.engine.templar.value(name, self.scope(task, host))) if "{{" in name else name
        except TemplatingError:
            return name

    def scope(self, node: Node, host: str) -> Scope:
        return self.running.variables.scope(host, self.play, node, include=self._included(node, host))

    def _included(self, node: Node, host: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in reversed(list(node.chain())):
            found.update(self.include.get((id(one), host), {}))
        return found

    def record(
        self, task: Task, name: str, host: str, result: dict[str, Any], seconds: float, others: list[str]
    ) -> None:
        """Take in a result: facts, register, notifications, counts, journal, output."""
        hidden = truth(self._quietly(task, host))
        register = task.keywords.get("register")
        for one in [host, *others]:
            self._facts(task, one, result)
            if register:
                self.running.variables.registered.setdefault(one, {})[register] = {
                    key: value for key, value in result.items() if not key.startswith("_")
                }
        self._inventory_changes(result)
        stats = self.result(host)
        outcome = "ok"
        if result.get("unreachable"):
            outcome = "unreachable"
            stats.unreachable += 1
            self.running.dead.add(host)
            self.engine.connections.drop(host)
        elif result.get("failed"):
            ignore = truth(
                self.engine.templar.value(task.get("ignore_errors", False), self.scope(task, host))
            )
            outcome = "ignored" if ignore else "failed"
            if ignore:
                stats.ok += 1
                stats.ignored += 1
            else:
                stats.failed += 1
                self.running.failed.add(host)
                self.running.variables.registered.setdefault(host, {}).update(
                    ansible_failed_result=result,
                    ansible_failed_task={"name": task.name, "action": task.module},
                )
        elif result.get("skipped"):
            outcome = "skipped"
            stats.skipped += 1
        elif result.get("changed"):
            outcome = "changed"
            stats.ok += 1
            stats.changed += 1
            self._notify(task, [host, *others])
            self._changed_files(host, result)
        else:
            stats.ok += 1
        shown = result
        if hidden:
            shown = {
                key: result[key]
                for key in ("changed", "failed", "skipped", "unreachable", "attempts")
                if key in result
            }
            shown["censored"] = HIDDEN
        if outcome in ("failed", "unreachable"):
            message = HIDDEN if hidden and outcome == "failed" else _message(result)
            self.running.result.errors.append(
                {"host": host, "task": name, "outcome": outcome, "message": message, "place": task.place}
            )
        self.running.journal.write(
            "task",
            durable=outcome not in ("skipped", "ok"),
            host=host,
            task=name,
            place=task.place,
            outcome=outcome,
            seconds=round(seconds, 4),
        )
        self.engine.callbacks.host_done(host, name, outcome, shown, seconds, task.place)

    def _quietly(self, task: Task, host: str) -> bool:
        try:
            return self.executor.no_log(task, self.scope(task, host))
        except TemplatingError:
            return True

    def _facts(self, task: Task, host: str, result: dict[str, Any]) -> None:
        for one in result.get("results") or [result]:
            facts = one.get("ansible_facts")
            if not isinstance(facts, dict):
                continue
            if one.get("_set"):
                self.running.variables.registered.setdefault(host, {}).update(facts)
            elif one.get("_include_vars"):
                self.running.variables.included.setdefault(host, {}).update(facts)
            else:
                self._remember_facts(host, facts)

    def _inventory_changes(self, result: dict[str, Any]) -> None:
        for one in result.get("results") or [result]:
            added = one.get("add_host")
            if added:
                host = self.engine.inventory.add_host(str(added["host_name"]))
                host.variables.update(added["host_vars"])
                for group in added["groups"]:
                    self.engine.inventory.add_host(host.name, str(group))
                self.running.variables.forget()
            if one.get("add_group"):
                for host_name in self.hosts:
                    if one in (self.running.variables.registered.get(host_name), result):
                        self.engine.inventory.add_host(host_name, one["add_group"])
                self.running.variables.forget()

    def _changed_files(self, host: str, result: dict[str, Any]) -> None:
        for one in result.get("results") or [result]:
            path = one.get("dest") or one.get("path")
            if one.get("changed") and isinstance(path, str):
                self.running.result.changed_files.setdefault(host, []).append(path)

    def _notify(self, task: Task, hosts: list[str]) -> None:
        wanted = [
            name
            for value in task.collected("notify")
            for name in ([value] if isinstance(value, str) else value)
        ]
        for raw in wanted:
            for host in hosts:
                name = str(self.engine.templar.value(raw, self.scope(task, host), "notify"))
                found = self._handlers(name)
                if not found:
                    raise InputError(
                        f"the handler {name!r} was notified and does not exist",
                        file=task.file,
                        line=task.line,
                        field="notify",
                    )
                for handler in found:
                    waiting = self.notified.setdefault(id(handler), [])
                    if host not in waiting:
                        waiting.append(host)

    def _handlers(self, name: str) -> list[Task]:
        listening = [handler for handler in self.play.handlers if name in handler.listen]
        named = [
            h
            for h in self.play.handlers
            if name
            in (
                h.name,
                f"{h.role.name} : {h.name}" if h.role else "",
                f"{h.role.name}:{h.name}" if h.role else "",
            )
        ]
        return [*named[-1:], *(handler for handler in listening if handler not in named[-1:])]

    def flush(self, hosts: list[str]) -> None:
        """Run the handlers that were notified, in the order they are written."""
        if self.running.stop_play:
            return
        for handler in self.play.handlers:
            waiting = self.notified.pop(id(handler), [])
            out = (
                set()
                if self.running.options.force_handlers or self.play.keywords.get("force_handlers")
                else self.running.failed
            )
            left = [
                host
                for host in waiting
                if host in hosts and host not in self.running.dead | self.running.ended | out
            ]
            if left:
                self.task(handler, left, handler=True)

    def meta(self, task: Task, hosts: list[str]) -> None:
        word = str(task.args.get("_raw_params") or "")
        met = (
            [host for host in hosts if self.executor.skipped(task, self.scope(task, host)) is None]
            if task.collected("when")
            else hosts
        )
        if not met:
            return
        actions: dict[str, Callable[[], Any]] = {
            "noop": lambda: None,
            "flush_handlers": lambda: self.flush(hosts),
            "end_play": lambda: self.running.ended.update(self.hosts),
            "end_host": lambda: self.running.ended.update(met),
            "end_batch": lambda: self.running.ended.update(self.hosts),
            "clear_facts": lambda: [self.running.variables.facts.pop(host, None) for host in met],
            "clear_host_errors": lambda: self.running.failed.difference_update(self.hosts),
            "reset_connection": lambda: list(map(self.engine.connections.drop, met)),
            "refresh_inventory": self.running.variables.forget,
        }
        if word not in actions:
            raise InputError(
                f"meta: {word!r} is not supported; there are {', '.join(actions)}",
                file=task.file,
                line=task.line,
            )
        actions[word]()

    def include_nodes(self, task: Task, hosts: list[str]) -> None:
        """Include tasks or a role for the hosts whose conditions are met; items one after the other."""
        templar = self.engine.templar
        wanted: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {}
        once = truth(templar.value(task.get("run_once", False), self.scope(task, hosts[0]), "run_once"))
        for host in hosts[:1] if once else hosts:
            try:
                scope = self.scope(task, host)
                if not any(
                    str(key) == "loop" or str(key).startswith("with_") for key in task.keywords
                ) and self.executor.skipped(task, scope):
                    self.result(host).skipped += 1
                    continue
                name = (task.keywords.get("loop_control") or {}).get("loop_var", "item")
                for item, inner in self.executor.loop_scopes(task, scope) or [(None, scope)]:
                    if self.executor.skipped(task, inner):
                        continue
                    args = templar.value(
                        {key: value for key, value in task.args.items() if key not in ("apply", "public")},
                        inner,
                        task.module,
                    )
                    extra = {name: item} if inner is not scope else {}
                    own = templar.value(task.keywords.get("vars") or {}, inner, "vars") if extra else {}
                    wanted.setdefault(repr((args, extra, own)), (args, {**extra, **own}, []))[2].append(host)
            except TemplatingError as error:
                self.record(
                    task,
                    _shown(task),
                    host,
                    {"failed": True, "changed": False, "msg": f"{error} ({task.place})"},
                    0.0,
                    [],
                )
        for args, extra, members in wanted.values():
            keywords = {
                key: value
                for key, value in task.keywords.items()
                if key in ("vars", "run_once", "delegate_to") and not (key == "vars" and extra)
            }
            apply = task.args.get("apply") or {}
            around = Block({**keywords, **apply}, task.parent, task.role, task.file, task.line)
            for host in members:
                self.include[id(around), host] = extra
            if task.module == "include_role":
                nodes = load.include_role(args, self.play, around)
            else:
                nodes = load.include_tasks(
                    self._task_file(task, str(args.get("file") or args.get("_raw_params"))), around
                )
            self._keep = [*getattr(self, "_keep", []), around]
            self.tasks(nodes, members)

    @staticmethod
    def _task_file(task: Task, name: str) -> Path:
        folders = [Path(task.file).parent, *([task.role.path / "tasks"] if task.role else [])]
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
        raise InputError(f"the file {name} was not found in {folders[0]}", file=task.file, line=task.line)


def _shown(task: Task) -> str:
    name = task.name or task.module
    return f"{task.role.name} : {name}" if task.role else name


def _message(result: dict[str, Any]) -> str:
    for one in result.get("results") or []:
        if one.get("failed"):
            return _message(one)
    parts = [str(result.get("msg") or "")]
    if result.get("stderr"):
        parts.append(str(result["stderr"]).strip()[-1000:])
    return ": ".join(part for part in parts if part) or "failed"
