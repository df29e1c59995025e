"""`validate`: the errors for a program that rejects a file, and for one that a signal kills."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kprov.agent import process
from kprov.agent.context import ModuleError
from kprov.agent.files import content_placement, paths

CRASHES = f"{sys.executable} -c 'import os, signal; os.kill(os.getpid(), signal.SIGILL)' %s"
REFUSES = f"{sys.executable} -c 'import sys; sys.exit(\"line 3 is wrong\")' %s"


def test_a_copy_names_the_signal_that_ended_the_validating_program(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.touch()
    with pytest.raises(
        ModuleError, match=r"failed to validate: .*python.* was killed by signal 4 \(SIGILL\)"
    ):
        content_placement.run_validate(str(path), {"validate": CRASHES})
    with pytest.raises(ModuleError) as refused:
        content_placement.run_validate(str(path), {"validate": REFUSES})
    assert str(refused.value) == "failed to validate"
    assert refused.value.result["stderr"] == "line 3 is wrong\n"


def test_an_edit_names_the_signal_that_ended_the_validating_program(tmp_path: Path) -> None:
    with pytest.raises(
        ModuleError, match=r"failed to validate: rc:-4 error:.* killed by signal 4 \(SIGILL\)"
    ):
        paths.check_valid(CRASHES, str(tmp_path))
    with pytest.raises(ModuleError, match="failed to validate: rc:1 error:line 3 is wrong"):
        paths.check_valid(REFUSES, str(tmp_path))


def test_an_exit_code_is_put_into_words_only_where_a_signal_ended_the_program() -> None:
    assert process.describe_signal("haproxy", -4) == "haproxy was killed by signal 4 (SIGILL)"
    assert process.describe_signal("haproxy", -63) == "haproxy was killed by signal 63"
    # A shell gives 128 + n, and so can a program of its own accord.
    assert process.describe_signal("haproxy", 132) == ""
    assert process.describe_signal("haproxy", 1) == ""
