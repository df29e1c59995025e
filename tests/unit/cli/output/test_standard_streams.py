"""Output that cannot be written does not end a run; real pipes, real devices."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NO_TEXT = (
    "import sys; from kprov.cli.output.standard_streams import protect_streams; protect_streams()\n"
    "for stream in (sys.stdout, sys.stderr): print('a \\udcfc \\u00fc', file=stream)"
)
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - {name: one, command: "echo 1"}
    - {name: wait until nobody reads, command: "sleep 0.2"}
    - {name: two, command: "echo 2"}
    - {name: fill, debug: {msg: "{{ 'x' * 100000 }}"}}
    - {name: last, command: "touch {{ playbook_dir }}/done"}
    - {name: end, command: "%s"}
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "play.yml"
    path.write_text(PLAY % "true")
    return path


def play(playbook: Path, redirect: str) -> subprocess.CompletedProcess[str]:
    line = f"{sys.executable} -m kprov.cli.main play -i localhost, -c local {playbook} {redirect}"
    return subprocess.run(
        ["bash", "-c", f'{line}; code=("${{PIPESTATUS[@]}}"); exit "${{code[0]}}"'],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"XDG_STATE_HOME": str(playbook.parent / "state")},
    )


@pytest.mark.parametrize("redirect", ["| head -1", "2>&1 | head -1", ">&-", ">&- 2>&-"])
def test_a_run_goes_on_when_nobody_reads_its_output(playbook: Path, redirect: str) -> None:
    done = play(playbook, redirect)
    assert (done.returncode, (playbook.parent / "done").exists()) == (0, True)
    assert done.stderr == ""


def test_its_exit_code_is_the_runs(playbook: Path) -> None:
    playbook.write_text(PLAY % "false")
    assert play(playbook, "| head -1").returncode == 1
    assert (playbook.parent / "done").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_output_that_is_lost_on_a_full_disk_is_reported_at_the_end_of_the_run(playbook: Path) -> None:
    done = play(playbook, "> /dev/full")
    assert (playbook.parent / "done").exists()
    assert (done.returncode, done.stderr) == (1, "error: cannot write the output: No space left on device\n")


@pytest.mark.parametrize(
    ("encoding", "out"),
    [
        ("utf-8:strict", b"a \\udcfc \xc3\xbc\n"),
        ("utf-8:surrogateescape", b"a \xfc \xc3\xbc\n"),
        ("ascii:strict", b"a \\udcfc \\xfc\n"),
    ],
)
def test_bytes_that_are_no_text_are_shown_escaped(encoding: str, out: bytes) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", NO_TEXT], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, out)
    assert done.stderr.startswith(b"a \\udcfc")


def test_colours_that_are_asked_for_in_a_pipe_are_no_live_view(playbook: Path) -> None:
    command = [sys.executable, "-m", "kprov.cli.main", "play", "-i", "a,", "-c", "local", str(playbook)]
    own = {"FORCE_COLOR": "1", "TERM": "xterm", "XDG_STATE_HOME": str(playbook.parent / "state")}
    playbook.write_text(f"{PLAY.split('    - {name: wait', maxsplit=1)[0].replace('localhost', 'all')}")
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | own)
    assert "\x1b[33mchanged" in done.stdout
    assert not re.search(r"\x1b\[[0-9?]*[A-Zlh]", done.stdout)
