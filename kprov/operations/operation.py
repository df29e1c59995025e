"""Runs an operation: its phases in order, with a journal from which `kprov resume` continues."""

from __future__ import annotations

import fcntl
import importlib
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kprov.errors import InputError, KprovError
from kprov.operations.cluster import Say, open_cluster
from kprov.operations.hooks import HookProgress, add_hook_phases, find_hooks, report_failure
from kprov.operations.phases import Memory, OperationContext, Phase
from kprov.playbook.results.journal import EarlierRun, Journal, find_latest
from kprov.playbook.results.run_result import Callbacks, RunOptions

#: The module of each operation, by the words of its command. It has `list_phases(context) -> list[Phase]`.
OPERATIONS: dict[str, str] = {
    "node add": "kprov.operations.nodes.add",
    "node remove": "kprov.operations.nodes.remove",
    "node replace": "kprov.operations.nodes.replace",
    "etcd defrag": "kprov.operations.etcd.defrag",
    "etcd disarm": "kprov.operations.etcd.alarms",
    "etcd replace": "kprov.operations.etcd.replace",
    "etcd restore": "kprov.operations.etcd.restore",
    "node drain": "kprov.operations.nodes.drain",
    "node uncordon": "kprov.operations.nodes.uncordon",
    "certs recover": "kprov.operations.keys.recover",
    "certs renew": "kprov.operations.keys.renew",
    "certs rotate-ca": "kprov.operations.keys.rotate_ca",
    "secrets rewrite": "kprov.operations.keys.encryption_key",
    "secrets rotate-key": "kprov.operations.keys.encryption_key",
    "secrets rotate-service-account-key": "kprov.operations.keys.service_account_key",
    "rollback": "kprov.operations.upgrade.rollback",
    "upgrade": "kprov.operations.upgrade.upgrade",
}
#: Operations that take over from an unfinished one with its memory, by its name.
_SUPERSEDED = {
    "upgrade": {"upgrade", "rollback"},
    "rollback": {"upgrade", "rollback"},
    # What a refused disarm advises.
    "etcd disarm": {"etcd disarm", "etcd defrag"},
    # A blocked drain is repeated with other hosts or taken back.
    "node drain": {"node drain", "node uncordon"},
    "node uncordon": {"node drain", "node uncordon"},
}
#: Arguments that say how, not on what, an operation works: a run with others continues it.
_ADJUSTABLE = {"force", "grace_period", "ignore", "timeout", "unreachable", "without_fault_tolerance"}


#: Bytes of the line that says which process holds the lock.
_LONGEST_HOLDER = 200


class UnfinishedOperationError(InputError):
    """An earlier operation on the cluster was interrupted or failed."""


@dataclass
class PhaseResult:
    """A phase's result. `state`: done, skipped (no work), failed, or planned (with --plan and --check)."""

    title: str
    state: str
    plan: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""


@dataclass
class OperationResult:
    """The result of an operation."""

    operation: str
    arguments: dict[str, Any]
    phases: list[PhaseResult] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    error: KprovError | None = None
    journal: Path | None = None
    #: The reason by host that did not answer, and without which the operation went on.
    unreachable: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.error is None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "operation": self.operation,
            "arguments": self.arguments,
            "ok": self.ok,
            "error": str(self.error) if self.error else "",
            "seconds": self.seconds,
            "unreachable": self.unreachable,
            "phases": [asdict(phase) for phase in self.phases],
            "playbooks": self.runs,
        }


class Listener(Protocol):
    """Called before and after each phase."""

    def phase_started(self, number: int, total: int, title: str, plan: Sequence[str]) -> None: ...
    def phase_finished(self, result: PhaseResult) -> None: ...


def run_operation(
    inventory: Path,
    name: str,
    arguments: dict[str, Any],
    options: RunOptions,
    callbacks: Callbacks,
    listener: Listener,
    say: Say,
    *,
    plan_only: bool = False,
    resume: Path | None = None,
    abandon: bool = False,
) -> OperationResult:
    """Run the phases of an operation that have work; stop at the first that fails.

    The result has the error of a failed phase. An unfinished run of the same operation is continued.
    `plan_only`: only say what each phase would do now. `resume`: the journal to continue.
    `abandon`: give up an unfinished operation with another name or other arguments.
    Raises InputError before anything is changed, UnfinishedOperationError if another operation is unfinished.
    """
    # Connections and checks before the first phase count, too.
    started = time.monotonic()
    with open_cluster(inventory, options, callbacks) as cluster, lock_cluster(cluster.artifacts):
        folder = cluster.artifacts / "journal"
        changes_nothing = plan_only or options.check
        earlier = EarlierRun(resume) if resume else find_unfinished(folder)
        if earlier is not None and not _is_same(earlier, name, arguments):
            superseded = name in _SUPERSEDED.get(str(earlier.run.get("command")), ())
            if not abandon and not changes_nothing and not superseded:
                raise _explain_unfinished(earlier)
            if not superseded:
                earlier = None
        memory = Memory(earlier.memory if earlier is not None else {})
        if earlier is not None and earlier.run.get("command") != name:
            # The memory says which hooks of the earlier operation have finished.
            HookProgress().store(memory)
        context = OperationContext(cluster, arguments, options, callbacks, say, memory)
        hooks = find_hooks(cluster.engine.inventory.directory, name, OPERATIONS)
        phases = importlib.import_module(OPERATIONS[name]).list_phases(context)
        phases = add_hook_phases(context, hooks, phases)
        # Opened only now: an operation with wrong arguments has not started.
        journal = Journal(None if changes_nothing else folder, callbacks.warning)
        result = OperationResult(name, arguments, journal=journal.path)
        try:
            journal.write("run", durable=True, **_describe(inventory, name, arguments, options, resume))
            if journal.write_error is not None:
                why = journal.write_error.strerror
                text = f"cannot be written ({why}), and without it {name} cannot be continued"
                raise InputError(f"{text} after an interruption: nothing was changed", file=journal.path)
            memory.attach(journal)
            _run_phases(phases, context, listener, journal, result, plan_only=plan_only)
            if result.error is not None and not plan_only:
                report_failure(cluster, hooks, options, callbacks, str(result.error), arguments)
        finally:
            result.seconds = round(time.monotonic() - started, 3)
            result.runs = [run.to_json() for run in context.runs]
            removed = set(arguments.get("hosts", ())) if arguments.get("unreachable") else set()
            result.unreachable = {
                host: reason
                for host, reason in cluster.engine.unreachable_hosts.items()
                if host not in removed
            }
            journal.write("end", durable=True, ok=result.ok and len(result.phases) == len(phases))
            journal.close()
        return result


def _run_phases(
    phases: Sequence[Phase],
    context: OperationContext,
    listener: Listener,
    journal: Journal,
    result: OperationResult,
    *,
    plan_only: bool,
) -> None:
    """Run the phases up to the first that fails."""
    for number, phase in enumerate(phases, 1):
        started = time.monotonic()
        entry = PhaseResult(phase.title, "planned" if plan_only or context.options.check else "done")
        try:
            entry.plan = list(phase.plan())
            if not entry.plan:
                entry.state = "skipped"
            listener.phase_started(number, len(phases), phase.title, entry.plan)
            work = phase.run if entry.state == "done" else None
            if entry.state == "planned" and not plan_only:
                work = phase.check
            if work is not None:
                work()
        except KprovError as error:
            entry.state, entry.error, result.error = "failed", str(error), error
        entry.seconds = round(time.monotonic() - started, 3)
        result.phases.append(entry)
        journal.write("phase", title=phase.title, state=entry.state)
        listener.phase_finished(entry)
        if result.error is not None:
            return


def read_operation(path: Path) -> tuple[str, dict[str, Any]] | None:
    """Return the name and arguments of the operation of a journal; None if it is a run of playbooks."""
    header = EarlierRun(path).run
    name = str(header.get("command", ""))
    return (name, dict(header.get("arguments") or {})) if name in OPERATIONS else None


def find_unfinished(folder: Path) -> EarlierRun | None:
    """Return the newest operation of these journals if it failed or was interrupted; None otherwise.

    A reset of all hosts gives up the operations before it.
    """
    path = find_latest(
        folder,
        lambda run: (
            run.get("command") in OPERATIONS or (run.get("command") == "reset" and not run.get("limit"))
        ),
    )
    earlier = EarlierRun(path) if path is not None else None
    if earlier is None or earlier.finished or earlier.run["command"] == "reset":
        return None
    return earlier


def find_resumable(folder: Path) -> Path | None:
    """Return the journal that `kprov resume` continues: of the newest run, or of an older operation.

    Runs of playbooks may follow an operation that is unfinished.
    """
    # Operations run playbooks in their phases. It is the operation that continues.
    newest = find_latest(folder, lambda run: bool(run) and run.get("command") != "phase")
    if newest is not None and EarlierRun(newest).finished:
        unfinished = find_unfinished(folder)
        return unfinished.path if unfinished is not None else newest
    return newest


def describe_unfinished(earlier: EarlierRun) -> str:
    """Return which operation is unfinished."""
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(earlier.run.get("time", 0)))
    return f"`kprov {earlier.run['command']}` of {started} is unfinished"


def _is_same(earlier: EarlierRun, name: str, arguments: dict[str, Any]) -> bool:
    """Whether a run of the operation with these arguments continues the earlier one."""
    before = earlier.run.get("arguments") or {}
    return earlier.run.get("command") == name and all(
        before.get(key) == arguments.get(key) for key in {*before, *arguments} - _ADJUSTABLE
    )


def _explain_unfinished(earlier: EarlierRun) -> UnfinishedOperationError:
    return UnfinishedOperationError(
        f"{describe_unfinished(earlier)}. Continue it with `kprov resume`, or give it up with --abandon",
        file=earlier.path,
    )


def _describe(
    inventory: Path, name: str, arguments: dict[str, Any], options: RunOptions, resume: Path | None
) -> dict[str, Any]:
    """Return the header of the journal. Values of -e are left out because they may be secret."""
    return {
        "version": 1,
        "command": name,
        "arguments": arguments,
        "inventory": str(inventory.resolve()),
        "playbooks": [],
        "extra_vars": sorted(options.extra_vars),
        "resumes": str(resume) if resume else None,
    }


def _describe_process() -> str:
    """Return what the message of another process says about this one. Options may be secret."""
    words = itertools.takewhile(lambda word: not word.startswith("-"), sys.argv[1:])
    command = " ".join(["kprov", *words])
    return f"`{command}`, process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"


@contextmanager
def lock_cluster(artifacts: Path) -> Iterator[None]:
    """Let one operation at a time work with an inventory. A killed process holds no lock."""
    artifacts.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = artifacts / "operation.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, _LONGEST_HOLDER, 0).decode("utf-8", "replace").strip()
            text = f"another operation works on this cluster{f' ({holder})' if holder else ''}"
            raise InputError(text, file=path) from None
        # Only for that message: a full disk does not stop the command.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, _describe_process().encode()[:_LONGEST_HOLDER], 0)
        yield
    finally:
        os.close(handle)
