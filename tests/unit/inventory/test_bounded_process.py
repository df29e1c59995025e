"""Programs of the operator are ended at a limit, with what they started."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.inventory import bounded_process
from tests import processes


def test_the_output_and_the_exit_code_are_returned() -> None:
    done = bounded_process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], seconds=10)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_a_program_that_sleeps_is_ended_with_its_children(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/pid; wait"
    with pytest.raises(bounded_process.BoundsError, match=r"did not end within 0\.3 s"):
        bounded_process.run(["sh", "-c", script], seconds=0.3)
    processes.await_end(int((tmp_path / "pid").read_text()))


def test_a_program_that_writes_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_process, "OUTPUT_LIMIT", 1 << 20)
    with pytest.raises(bounded_process.BoundsError, match="wrote more than 1 MiB"):
        bounded_process.run(["yes"], seconds=10)
