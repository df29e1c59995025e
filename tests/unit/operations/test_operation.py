"""Phases of an operation: what runs, what is skipped, and what a second run continues."""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError, KprovError
from kprov.operations import operation
from kprov.operations.operation import (
    OperationResult,
    PhaseResult,
    UnfinishedOperationError,
    find_resumable,
    find_unfinished,
    lock_cluster,
    read_operation,
    run_operation,
)
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.reset import reset_hosts
from kprov.operations.up import install_cluster
from kprov.playbook.results.run_result import RunOptions, SilentCallbacks

HOSTS = """
all:
  vars: {ansible_connection: local}
  children:
    kube_control_plane: {hosts: {a: {ip: 192.0.2.1}}}
    etcd: {hosts: {a: }}
    kube_node: {hosts: {a: }}
"""


@dataclass
class Machine:
    """The state that the phases of the test change: a list of the parts that are done."""

    done: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    broken: str = ""

    def list_phases(self, context: OperationContext) -> list[Phase]:
        if context.arguments.get("bad"):
            raise InputError("no such host")
        return [self.make_phase(context, name) for name in ("one", "two", "three")]

    def make_phase(self, context: OperationContext, name: str) -> Phase:
        def run() -> None:
            context.memory.store("seen", [*context.memory.read("seen", []), name])
            self.runs.append(name)
            if name == self.broken:
                raise KprovError(f"{name} is broken")
            self.done.append(name)

        return Phase(name, lambda: [] if name in self.done else [f"do {name}"], run)


class Lines:
    """Keeps what a listener is told."""

    def __init__(self) -> None:
        self.started: list[tuple[int, int, str]] = []

    def phase_started(self, number: int, total: int, title: str, plan: Sequence[str]) -> None:
        del plan
        self.started.append((number, total, title))

    def phase_finished(self, result: PhaseResult) -> None: ...


Run = Callable[..., OperationResult]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose operations are `paint` and `wash`."""
    made = Machine()
    module = types.ModuleType("tests_operation_phases")
    module.list_phases = made.list_phases  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("paint", "wash"):
        monkeypatch.setitem(operation.OPERATIONS, name, module.__name__)
    return made


@pytest.fixture
def run(tmp_path: Path, machine: Machine) -> Run:
    """run(name, arguments, **options) runs an operation of the machine."""
    del machine
    (tmp_path / "hosts.yml").write_text(HOSTS)

    def start(
        name: str = "paint", arguments: dict[str, Any] | None = None, check: bool = False, **options: Any
    ) -> OperationResult:
        return run_operation(
            tmp_path,
            name,
            arguments or {},
            RunOptions(check=check),
            SilentCallbacks(),
            options.pop("listener", Lines()),
            lambda _: None,
            **options,
        )

    return start


def states(result: OperationResult) -> list[str]:
    return [phase.state for phase in result.phases]


def test_phases_run_in_order_and_those_without_work_are_skipped(run: Run, machine: Machine) -> None:
    machine.done.append("two")
    lines = Lines()
    result = run(listener=lines)
    assert (machine.runs, states(result)) == (["one", "three"], ["done", "skipped", "done"])
    assert lines.started == [(1, 3, "one"), (2, 3, "two"), (3, 3, "three")]


def test_a_failed_phase_ends_the_operation(run: Run, machine: Machine) -> None:
    machine.broken = "two"
    result = run()
    assert (states(result), str(result.error)) == (["done", "failed"], "two is broken")
    assert machine.runs == ["one", "two"]


def test_the_same_operation_continues_with_its_memory(run: Run, machine: Machine, tmp_path: Path) -> None:
    machine.broken = "two"
    failed = run(arguments={"host": "a"})
    assert failed.journal is not None
    assert read_operation(failed.journal) == ("paint", {"host": "a"})
    machine.broken = ""
    result = run(arguments={"host": "a"})
    assert (states(result), machine.runs) == (["skipped", "done", "done"], ["one", "two", "two", "three"])
    assert result.journal is not None
    remembered = [line for line in result.journal.read_text().splitlines() if '"remember"' in line]
    assert '["one", "two", "two", "three"]' in remembered[-1]
    assert (tmp_path / "artifacts" / "operation.lock").stat().st_mode & 0o777 == 0o600


def test_another_operation_waits_until_the_unfinished_one_is_given_up(run: Run, machine: Machine) -> None:
    machine.broken = "two"
    run()
    with pytest.raises(UnfinishedOperationError, match=r"`kprov paint` of .* is unfinished"):
        run("wash")
    machine.broken = ""
    assert run("wash", abandon=True).ok
    # The abandoned one is not continued: it is no longer the newest.
    assert run("paint").ok


@pytest.mark.parametrize(
    "words", [{"force": True}, {"timeout": 60}, {"unreachable": True}, {"ignore": ["ram"]}]
)
def test_the_same_operation_continues_with_another_option(
    run: Run, machine: Machine, words: dict[str, Any]
) -> None:
    machine.broken = "two"
    run(arguments={"hosts": ["a"], "force": False, "timeout": 5})
    machine.broken = ""
    result = run(arguments={"hosts": ["a"], "force": False, "timeout": 5} | words)
    assert (result.ok, states(result)) == (True, ["skipped", "done", "done"])
    assert result.journal is not None
    assert '"seen", "value": ["one", "two", "two"]' in result.journal.read_text()


def test_the_same_operation_on_other_hosts_is_another_one(run: Run, machine: Machine) -> None:
    machine.broken = "two"
    run(arguments={"hosts": ["a"]})
    with pytest.raises(UnfinishedOperationError):
        run(arguments={"hosts": ["b"]})


def test_a_drain_that_failed_can_be_taken_back(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node drain", "node uncordon"):
        monkeypatch.setitem(operation.OPERATIONS, name, "tests_operation_phases")
    machine.broken = "two"
    run("node drain", {"hosts": ["a"]})
    machine.broken = ""
    assert run("node uncordon", {"hosts": ["a"]}).ok


def test_an_operation_that_takes_over_runs_its_own_hooks(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(operation._SUPERSEDED, "paint", {"wash"})
    (tmp_path / "hooks").mkdir()
    for name in ("before_paint", "before_wash"):
        play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: hello}\n"
        (tmp_path / "hooks" / f"{name}.yml").write_text(play)
    machine.broken = "one"
    assert states(run("paint")) == ["done", "failed"]
    assert states(run("paint")) == ["skipped", "failed"]
    assert states(run("wash")) == ["done", "failed"]
    machine.broken = ""
    result = run("wash")
    assert states(result) == ["skipped", "done", "done", "done"]
    assert result.journal is not None
    assert '"seen", "value": ["one", "one", "one", "one"]' in result.journal.read_text()


def test_resume_finds_an_operation_that_playbooks_followed(
    run: Run, machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "artifacts" / "journal"
    assert find_resumable(folder) is None
    machine.broken = "two"
    failed = run().journal
    assert failed is not None
    assert find_resumable(folder) == failed
    for number, (command, ok, expected) in enumerate(
        [("phase", True, failed), ("up", True, failed), ("play", False, None), ("up", True, failed)]
    ):
        later = folder / f"9999010{number}T000000-1.jsonl"
        lines = [{"event": "run", "command": command}, {"event": "end", "ok": ok}]
        later.write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.utime(later, (4e9 + number, 4e9 + number))
        assert find_resumable(folder) == (expected or later)


def test_a_reset_of_all_hosts_gives_up_an_unfinished_operation(
    run: Run, machine: Machine, tmp_path: Path
) -> None:
    machine.broken = "two"
    run()
    folder = tmp_path / "artifacts" / "journal"
    later = folder / "99990101T000000-1.jsonl"
    for limit in ("a", None):
        later.write_text(json.dumps({"event": "run", "command": "reset", "limit": limit}) + "\n")
        os.utime(later, (4e9, 4e9))
        assert (find_unfinished(folder) is None) is (limit is None)


def test_up_and_reset_wait_for_the_end_of_an_operation(run: Run, tmp_path: Path) -> None:
    run()
    with lock_cluster(tmp_path / "artifacts"):
        holder = rf"another operation works on this cluster \(`kprov.*, process {os.getpid()}, since 20"
        with pytest.raises(InputError, match=holder):
            install_cluster(tmp_path, RunOptions(), SilentCallbacks(), lambda _: None)
        with pytest.raises(InputError, match="another operation works on this cluster"):
            reset_hosts(tmp_path, RunOptions(), SilentCallbacks(), lambda hosts, consequences: None)


@pytest.mark.parametrize("options", [{"plan_only": True}, {"check": True}])
def test_a_plan_runs_nothing_and_writes_no_journal(
    run: Run, machine: Machine, options: dict[str, bool], tmp_path: Path
) -> None:
    result = run(**options)
    assert (states(result), machine.runs) == (["planned"] * 3, [])
    assert [phase.plan for phase in result.phases] == [["do one"], ["do two"], ["do three"]]
    assert not (tmp_path / "artifacts" / "journal").exists()


def test_an_operation_with_wrong_arguments_has_not_started(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such host"):
        run(arguments={"bad": True})
    assert not (tmp_path / "artifacts" / "journal").exists()
    assert run("wash").ok


def test_two_operations_do_not_work_at_the_same_time(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_phases(context: OperationContext) -> list[Phase]:
        def start_second() -> None:
            run("wash")

        return [Phase("first", lambda: ["start another"], start_second)]

    del machine
    monkeypatch.setattr(sys.modules["tests_operation_phases"], "list_phases", list_phases)
    result = run()
    assert "another operation works on this cluster" in str(result.error)
