"""Locks of apt and dpkg that other processes hold."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kprov.agent.apt import package_locks
from kprov.agent.context import ModuleError


def test_a_lock_that_another_holds_is_named_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert package_locks.find_lock_holder(str(path)) is None
    hold = "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('on',flush=True); input()"
    with subprocess.Popen(
        ["python3", "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        assert package_locks.find_lock_holder(str(path)) == other.pid
        with pytest.raises(ModuleError, match=rf"held by process {other.pid} \(python3"):
            package_locks.wait_for_lock(str(path), {"lock_timeout": 0})
        other.stdin.write("\n")
        other.stdin.close()
    package_locks.wait_for_lock(str(path), {"lock_timeout": 0})


def test_a_failure_names_who_holds_the_lock_first() -> None:
    err = (
        f"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process {os.getpid()} (apt-get)\n"
    )
    text = package_locks.explain_failure("'apt-get install x' failed", err, {"lock_timeout": 9})
    assert text.startswith(f"/var/lib/dpkg/lock-frontend is held by process {os.getpid()} (")
    assert text.endswith("for more than 9 s; 'apt-get install x' failed")
    assert package_locks.explain_failure("other", "E: no", {"lock_timeout": 9}) == "other"
