"""service: what it passes on to systemd, and what init scripts do not have."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Do = Callable[..., dict[str, Any]]


def test_arguments_of_systemd_are_passed_on(do: Do) -> None:
    result = do("service", use="systemd", daemon_reload=True, check=True)
    assert result == {"name": None, "changed": False, "status": {}}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"state": "started"}, "missing parameter(s) required by 'state': name"),
        (
            {"use": "sysvinit", "name": "x", "state": "started", "daemon_reload": False},
            (
                "Unsupported parameters for (ansible.legacy.sysvinit) module: daemon_reload. "
                "Supported parameters include: arguments, enabled, name, pattern, runlevel, sleep, state."
            ),
        ),
        ({"use": "sysvinit", "daemon_reload": True}, "Unsupported parameters"),
    ],
)
def test_what_the_manager_does_not_take_is_refused(do: Do, args: dict[str, Any], message: str) -> None:
    result = do("service", **args)
    assert result["failed"]
    assert message in result["msg"]


def test_systemd_sees_its_defaults(do: Do, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f'#!{shutil.which("sh")}\necho "$*" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    do("service", use="systemd", daemon_reload=True, scope="global")
    assert (tmp_path / "calls").read_text() == "--global daemon-reload\n"
