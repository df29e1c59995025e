"""The engine runs playbooks on an inventory: PlaybookRun > Batch > TaskExecutor > ModuleSender."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from kprov.errors import InputError
from kprov.inventory import host_patterns, secrets
from kprov.inventory.model import Inventory
from kprov.playbook.connections import checks as connection_checks
from kprov.playbook.connections.module_sender import ModuleSender, decode_address
from kprov.playbook.loading import playbook_loader, static_includes
from kprov.playbook.model.plays import Play, Task
from kprov.playbook.model.search_paths import SearchPaths
from kprov.playbook.results.journal import EarlierRun, Journal, find_latest, journal_folder
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult, SilentCallbacks
from kprov.playbook.running import task_selection
from kprov.playbook.running.playbook_run import PlaybookRun
from kprov.playbook.running.run_state import RunState
from kprov.playbook.templating.code_cache import CodeCache
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import Templar, TemplatingError
from kprov.playbook.variables.host_variables import HostVariables, make_variable_error
from kprov.playbook.variables.precedence import Variables
from kprov.transport import reach
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Become, Options
from kprov.transport.options.variables import read_options

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
_SECRET = (
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_private_key_passphrase",
    "ansible_private_key_passphrase",
)


def resume_options(options: RunOptions, path: Path) -> RunOptions:
    """Return options that continue the run of a journal, with its hosts and tags unless `options` set others.

    Raises InputError when the run succeeded, or when a variable that it had from -e is missing now.
    """
    memory = EarlierRun(path)
    header = memory.run
    if memory.finished:
        raise InputError("the run was successful; there is nothing to continue", file=path)
    missing = sorted(set(header.get("extra_vars") or []) - set(options.extra_vars))
    if missing:
        raise InputError(
            "the run had variables whose values the journal does not keep; set them again with -e: "
            + ", ".join(missing),
            file=path,
            field="--extra-vars",
        )
    return replace(
        options,
        resume=path,
        command=str(header.get("command") or options.command),
        limit=options.limit or header.get("limit"),
        tags=tuple(header.get("tags") or ("all",)),
        skip_tags=tuple(header.get("skip_tags") or ()),
    )


class Engine:
    """Runs playbooks, several on the same connections if need be. Close it, or use it in a `with`.

    `code` has the compiled templates of earlier runs.
    """

    def __init__(
        self,
        inventory: Inventory,
        options: RunOptions | None = None,
        callbacks: Callbacks | None = None,
        code: CodeCache | None = None,
    ) -> None:
        self.inventory = inventory
        self.options = options or RunOptions()
        self.callbacks: Callbacks = callbacks or SilentCallbacks()
        self._code = code
        self.templar = Templar(code=code)
        self.connections = Connections(
            self.connection_options, lambda host, text: self.callbacks.warning(f"{host}: {text}")
        )
        self.variables = Variables(inventory, self.templar, self.options, inventory.path)
        self.result = RunResult()
        self._preloaded: tuple[Path, SearchPaths, dict[str, Any], Future[list[Play]]] | None = None
        #: Hosts that the next run skips, with the reason. They count as unreachable.
        self.unreachable_hosts: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all agents and connections."""
        self.connections.close()
        if self._code is not None:
            self._code.save()

    def host_variables(self, host: str) -> HostVariables:
        """Return the variables of a host as `hostvars` shows them; a wrong one raises InputError."""
        return HostVariables(self.inventory, host, self._scope(host))

    def _scope(self, host: str) -> Scope:
        return Scope(self.templar, self.variables.host_layers(host))

    def connection_options(self, address: str) -> Options:
        """Return how to connect to a host; `address` is its name with keywords of a task (encode_address)."""
        host, variables = decode_address(address)
        scope = self._scope(host)
        values = {name: self.options.defaults[name] for name in _CONNECTION if name in self.options.defaults}
        values.update(variables)
        for name in _CONNECTION:
            if name in scope:
                try:
                    values[name] = self.templar.render("{{ " + name + " }}", scope, name)
                except TemplatingError as error:
                    raise make_variable_error(self.inventory, host, name, error.reason) from None
        for name in _SECRET:
            if values.get(name):
                secrets.register(str(values[name]))
        return read_options(host, values)

    def find_become(self, host: str) -> Become | None:
        """Return the become settings of a host's inventory; root is the default user."""
        sender = ModuleSender(self.variables, self.connections)
        return sender.find_become(Task({"become": True}), self._scope(host), host, host)

    def reach_hosts(self, hosts: Iterable[str] | None = None) -> list[reach.ReachResult]:
        """Connect to hosts (default: all) and read their basic facts, without changing anything."""
        names = list(hosts or self.inventory.hosts)
        connection_checks.check_hosts(self.inventory, names)
        return reach.reach_hosts(self.connections, names, self.find_become, forks=self.options.forks)

    def list_plays(self, playbook: Path, *, includes: bool = False) -> list[tuple[Play, list[str]]]:
        """Return the plays of a playbook with their hosts, without running them. Raises InputError.

        With `includes`, also check the files of include_tasks and include_role that have literal names.
        """
        host_patterns.check_limit(self.inventory, self.options.limit)
        variables = Variables(self.inventory, self.templar, self.options, playbook)
        state = RunState(self.options, self.callbacks, RunResult(), Journal(None), None)
        run = PlaybookRun(state, variables, ModuleSender(variables, self.connections))
        plays = [(play, run.select_hosts(play)) for play in self._load_playbook(playbook)]
        if includes:
            static_includes.check_static_includes(playbook, [play for play, _ in plays])
        return plays

    def run(self, *playbooks: Path) -> RunResult:
        """Run playbooks one after the other. Raises InputError for mistakes before it changes a host."""
        return self._run_plays([(path, self._load_playbook(path)) for path in playbooks])

    def preload(self, path: Path) -> None:
        """Start to load a playbook while hosts are connected. The next `run` of it raises its errors."""
        options = self.options
        pool = ThreadPoolExecutor(1, thread_name_prefix="playbook")
        plays = pool.submit(playbook_loader.load_playbook, path, options.paths, options.extra_vars)
        self._preloaded = (path, options.paths, options.extra_vars, plays)
        pool.shutdown(wait=False)

    def _load_playbook(self, path: Path) -> list[Play]:
        wanted = (path, self.options.paths, self.options.extra_vars)
        preloaded = self._preloaded
        if preloaded is not None and preloaded[:3] == wanted:
            self._preloaded = None  # a run changes its plays, so they serve one run
            return preloaded[3].result()
        return playbook_loader.load_playbook(*wanted)

    def check_selection(self, plays: Iterable[Play]) -> None:
        """Raise InputError for hosts that the inventory lacks, and for tags that kprov's own plays lack.

        In other playbooks an included file may have the tag; a run that did not find it warns.
        """
        host_patterns.check_limit(self.inventory, self.options.limit)
        if self.options.command == "play":
            return
        tags = task_selection.collect_tags(plays)
        unknown = task_selection.find_unknown_tags(self.options, tags)
        if unknown:
            raise InputError(f"{unknown[0]} (there are {', '.join(sorted(tags))})")

    def run_module(self, pattern: str, name: str, arguments: Any = None) -> RunResult:
        """Run one module on the hosts of a pattern. Raises InputError."""
        return self._run_plays(
            [
                (
                    Path.cwd() / "-m",
                    [playbook_loader.make_single_task_play(pattern, name, arguments, self.options.paths)],
                )
            ]
        )

    def _run_plays(self, loaded: list[tuple[Path, list[Play]]]) -> RunResult:
        start = time.monotonic()
        playbooks = [path for path, _ in loaded]
        memory = EarlierRun(self.options.resume) if self.options.resume else None
        earlier = memory or self._find_earlier_run(playbooks)
        plays = [play for _, file_plays in loaded for play in file_plays]
        self.check_selection(plays)
        known_tags = task_selection.collect_tags(plays)
        connection_checks.check_plays(plays)
        taking_part = connection_checks.find_play_hosts(self.inventory, plays, self.options.limit)
        connection_checks.check_hosts(self.inventory, taking_part)
        self.result = RunResult()
        # A check changes nothing, so there is nothing to resume.
        journal = Journal(None if self.options.check else self.options.journal, self.callbacks.warning)
        state = RunState(self.options, self.callbacks, self.result, journal, memory)
        state.earlier_run = earlier
        try:
            journal.write("run", durable=True, **self._describe_run(playbooks))
            if earlier is not None:
                journal.copy_unfinished(earlier)
            state.mark_unreachable(self.unreachable_hosts)
            self.callbacks.run_started([str(path) for path in playbooks])
            for text in dict.fromkeys(text for play in plays for text in play.warnings):
                self.callbacks.warning(text)
            for path, plays in loaded:
                self._run_playbook(state, path, plays)
            for text in task_selection.find_unknown_tags(self.options, known_tags | state.tags):
                self.callbacks.warning(text)
            if not state.started:
                raise InputError(
                    f"no task has the name {self.options.start_at_task!r}; "
                    "a run cannot start at a task from include_tasks or include_role",
                    field="--start-at-task",
                )
        finally:
            self.result.seconds = round(time.monotonic() - start, 3)
            self.result.journal = journal.path
            journal.write("end", durable=True, ok=self.result.ok and sys.exception() is None)
            journal.close()
        self.callbacks.run_finished(self.result)
        return self.result

    def _find_earlier_run(self, playbooks: list[Path]) -> EarlierRun | None:
        """Return the newest run of the same playbooks if it left handlers to run; None otherwise."""
        if self.options.journal is None or self.options.check:
            return None
        names = [str(playbook.resolve()) for playbook in playbooks]
        path = find_latest(self.options.journal, lambda run: run.get("playbooks") == names)
        earlier_run = EarlierRun(path) if path is not None else None
        return (
            earlier_run
            if earlier_run is not None and (earlier_run.pending_handlers or earlier_run.started_tasks)
            else None
        )

    def _run_playbook(self, state: RunState, path: Path, plays: list[Play]) -> None:
        before = self.variables
        self.variables = Variables(self.inventory, self.templar, self.options, path)
        self.variables.facts, self.variables.registered = before.facts, before.registered
        run = PlaybookRun(state, self.variables, ModuleSender(self.variables, self.connections))
        for play in plays:
            if not run.run_play(play):
                break

    def _describe_run(self, playbooks: Iterable[Path]) -> dict[str, Any]:
        """Return what is needed to resume this run. Values of -e are left out because they may be secret."""
        options = self.options
        return {
            "version": 1,
            "playbooks": [str(path.resolve()) for path in playbooks],
            "inventory": str(self.inventory.path.resolve()),
            "command": options.command,
            "check": options.check,
            "limit": options.limit,
            "tags": list(options.tags),
            "skip_tags": list(options.skip_tags),
            "extra_vars": sorted(options.extra_vars),
            "resumes": str(options.resume) if options.resume else None,
        }

    def resume(self, path: Path | None = None) -> RunResult:
        """Resume the run of a journal (default: the newest) and skip the tasks that it finished.

        Raises InputError when there is no journal, or when a variable that it had from -e is missing now.
        """
        place = self.options.journal or journal_folder(self.inventory)
        journal = path or find_latest(place)
        if journal is None:
            raise InputError("there is no run to continue: the folder has no journal", file=place)
        self.options = replace(resume_options(self.options, journal), journal=place)
        return self.run(*(Path(name) for name in EarlierRun(journal).run.get("playbooks") or []))
