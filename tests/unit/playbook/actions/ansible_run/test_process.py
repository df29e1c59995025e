"""A child process that ends with all of its own children."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from kprov.playbook.actions.ansible_run import process
from tests import processes

#: Starts a program in a session of its own, and waits.
DETACHED = ["sh", "-c", "setsid sleep {n} & echo started; wait"]


def detached(number: int) -> list[str]:
    return [word.replace("{n}", str(number)) for word in DETACHED]


def make_child(folder: Path) -> process.Child:
    return process.Child(folder / "output", os.environ)


def test_a_child_has_an_exit_code_and_the_end_of_its_output(tmp_path: Path) -> None:
    script = "import sys; print('x' * 100000); print('the end', file=sys.stderr); sys.exit(3)"
    ended = make_child(tmp_path).run([sys.executable, "-uc", script], seconds=60)
    assert (ended.code, ended.timed_out) == (3, False)
    assert ended.output.endswith("x\nthe end\n")
    assert len(ended.output) <= 16 << 10


def test_a_child_that_takes_too_long_is_killed_with_a_program_in_another_session(tmp_path: Path) -> None:
    ended = make_child(tmp_path).run(detached(7341), seconds=0.1)
    assert (ended.timed_out, ended.code) == (True, -9)
    assert not processes.find_processes("sleep", "7341")


def test_another_thread_ends_a_child(tmp_path: Path) -> None:
    child = make_child(tmp_path)
    threading.Timer(0.2, child.end).start()
    started = time.monotonic()
    assert child.run(detached(7342), seconds=None).code == -9
    assert time.monotonic() - started < 30
    assert not processes.find_processes("sleep", "7342")


def test_what_a_child_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    assert make_child(tmp_path).run(["sh", "-c", "setsid sleep 7343 &"], seconds=60).code == 0
    assert not processes.find_processes("sleep", "7343")


def test_a_child_that_writes_too_much_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_LIMIT", 1000)
    assert make_child(tmp_path).run(["yes"], seconds=60).code == -9
