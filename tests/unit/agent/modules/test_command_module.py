"""command, and shell and raw which are made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("args", "out"),
    [
        ({"cmd": "printf 'a\\nb\\n\\n'"}, "a\nb"),
        ({"_raw_params": "echo 'two words'"}, "two words"),
        ({"argv": ["echo", "a b", 3]}, "a b 3"),
        ({"cmd": "echo $NAME"}, "value"),
        ({"cmd": "echo $NAME", "expand_argument_vars": False}, "$NAME"),
        ({"cmd": "printf 'x\\n'", "strip_empty_ends": False}, "x\n"),
        ({"cmd": "cat", "stdin": "in"}, "in"),
        ({"cmd": "wc -c", "stdin": "in", "stdin_add_newline": False}, "2"),
        ({"cmd": "pwd", "chdir": "/usr"}, "/usr"),
        ({"_raw_params": "echo $((1 + 1)) | cat", "_shell": True}, "2"),
    ],
)
def test_its_output(do: Run, args: dict[str, Any], out: str) -> None:
    result = do("command", environment={"NAME": "value"}, **args)
    assert (result["stdout"], result["rc"], result["changed"]) == (out, 0, True)
    assert result["stdout_lines"] == out.splitlines()
    assert result["start"] < result["end"]


def test_a_signal_that_ended_the_program_is_named(do: Run) -> None:
    killed = do("command", cmd="sh -c 'kill -SEGV $$'")
    assert killed["rc"] == -11
    assert killed["msg"] == "non-zero return code: sh was killed by signal 11 (SIGSEGV)"
    killed = do("command", _raw_params="kill -KILL $$", _shell=True)
    assert killed["msg"] == "non-zero return code: the shell was killed by signal 9 (SIGKILL)"


def test_its_failures(do: Run) -> None:
    failed = do("command", cmd="sh -c 'echo err >&2; exit 3'")
    assert (failed["rc"], failed["msg"], failed["stderr"]) == (3, "non-zero return code", "err")
    missing = do("command", cmd="no-such-program x")
    assert (missing["rc"], missing["cmd"]) == (2, "no-such-program x")
    assert do("command", cmd="pwd", chdir="/none")["msg"] == "Unable to change directory before execution."
    assert "one of the following is required" in do("command")["msg"]
    assert "mutually exclusive" in do("command", cmd="x", argv=["x"])["msg"]


def test_what_it_creates_or_removes_decides(do: Run, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    done = do("command", cmd="false", creates=f"{tmp_path}/th*")
    assert (done["changed"], done["msg"]) == (False, f"Did not run command since '{tmp_path}/th*' exists")
    assert not do("command", cmd="false", creates="there", chdir=str(tmp_path))["changed"]
    assert not do("command", cmd="false", removes=f"{tmp_path}/none")["changed"]
    assert do("command", check=True, cmd="false")["skipped"]
    assert do("command", check=True, cmd="false", creates="/none")["changed"]
