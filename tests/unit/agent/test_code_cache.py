"""What an agent compiled is there for the next one, and is added to."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kprov.agent import protocol
from kprov.transport.agent import archive


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".cache").mkdir()
    return tmp_path


def run(home: Path, module: str, args: dict[str, str], *, sends: bool = False) -> bytes:
    """An agent that does one thing and ends; what it says."""
    program = archive.BOOTSTRAP.replace("pwd.getpwuid(u).pw_dir", repr(str(home)))
    header = {"message": "m", "run": "r", "module": module, "items": [{"args": args}], "check": False}
    message = protocol.encode_frame({**header, "diff": False, "blobs": []})
    command = [sys.executable, *archive.PYTHON_OPTIONS, "-c", program, archive.archive_name(), "0" * 32]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write((archive.frame_archive() if sends else b"") + message)
        agent.stdin.flush()
        said = b""
        while b'"results"' not in said and (part := os.read(agent.stdout.fileno(), 65536)):
            said += part
        agent.stdin.write(protocol.encode_frame({"bye": True}))
    assert agent.returncode == 0
    return said


def compiled(home: Path) -> set[str]:
    (path,) = (home / ".cache" / "kprov").glob("agent-*.cpython-*")
    return {name for name, (_, _, code) in marshal.loads(path.read_bytes()).items() if code}


def test_what_a_run_needed_is_compiled_for_the_next_and_the_rest_when_it_is(home: Path) -> None:
    assert b"KPROV1 need" in run(home, "ping", {}, sends=True)
    first = compiled(home)
    assert {"kprov", "kprov.agent.main", "kprov.agent.modules.ping"} <= first
    assert "kprov.agent.modules.stat" not in first

    assert b"KPROV1 need" not in run(home, "stat", {"path": "/"})
    second = compiled(home)
    assert first | {"kprov.agent.modules.stat"} <= second

    (path,) = (home / ".cache" / "kprov").glob("agent-*.cpython-*")
    before = path.stat().st_ino
    run(home, "ping", {})
    assert path.stat().st_ino == before


def test_a_damaged_file_is_made_anew(home: Path) -> None:
    run(home, "ping", {}, sends=True)
    (path,) = (home / ".cache" / "kprov").glob("agent-*.cpython-*")
    path.write_bytes(path.read_bytes()[:1000])
    assert b"results" in run(home, "ping", {})
    assert "kprov.agent.modules.ping" in compiled(home)


def test_what_other_versions_left_goes(home: Path) -> None:
    folder = home / ".cache" / "kprov"
    folder.mkdir(mode=0o700)
    (folder / "agent-0123").write_bytes(b"older")
    run(home, "ping", {}, sends=True)
    assert not (folder / "agent-0123").exists()
