"""Temporary files of agents that were killed are removed by the next one; no others are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kprov.agent import temporary_files


def left_by_a_killed_process(folder: Path) -> Path:
    program = (
        "import os, signal, sys; from kprov.agent import temporary_files as temporary; print(temporary.make_file(sys.argv[1])[1], "
        "flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False
    ).stdout
    return Path(said.strip())


def test_a_killed_process_file_goes_with_the_next_one_in_the_same_folder(tmp_path: Path) -> None:
    left = left_by_a_killed_process(tmp_path)
    assert left.exists()
    handle, path = temporary_files.make_file(str(tmp_path), ".conf")
    os.close(handle)
    assert [entry.name for entry in tmp_path.iterdir()] == [Path(path).name]
    assert path.endswith(".conf")


def test_a_living_process_keeps_its_file(tmp_path: Path) -> None:
    handle, path = temporary_files.make_file(str(tmp_path))
    os.close(handle)
    sweep = "import sys; from kprov.agent import temporary_files as temporary; temporary.remove_abandoned(sys.argv[1])"
    subprocess.run([sys.executable, "-c", sweep, str(tmp_path)], check=True)
    assert Path(path).exists()


def own(pid: int = 1, start: str = "1", boot: str = "0" * 8) -> str:
    return f"{temporary_files.PREFIX}{temporary_files.machine_id()}-{boot}-{pid}-{start}-abcdefgh"


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        (own(), False),  # of an earlier boot
        (
            own().replace(temporary_files.machine_id(), "ffffffff"),
            True,
        ),  # of another machine, on a shared folder
        (".kprov-notes", True),
        (".kprov-a-b-c-d-e", True),
        ("kept", True),
    ],
)
def test_only_what_has_lost_its_maker_goes(tmp_path: Path, name: str, stays: bool) -> None:
    (tmp_path / name).write_text("content")
    temporary_files.remove_abandoned(str(tmp_path))
    assert (tmp_path / name).exists() == stays


def test_a_process_number_that_another_process_has_now_is_no_life(tmp_path: Path) -> None:
    handle, path = temporary_files.make_file(str(tmp_path))
    os.close(handle)
    start = temporary_files.read_start_time(os.getpid())
    older = Path(path.replace(f"-{start}-", f"-{int(start) - 1}-"))
    older.write_text("")
    sweep = "import sys; from kprov.agent import temporary_files as temporary; temporary.remove_abandoned(sys.argv[1])"
    subprocess.run([sys.executable, "-c", sweep, str(tmp_path)], check=True)
    assert Path(path).exists()
    assert not older.exists()
