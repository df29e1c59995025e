"""The module reboot against a host whose boot id changes, without a host. `make machine` reboots a real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kprov.errors import UnreachableError
from kprov.playbook.actions.call import ActionError, Call
from kprov.playbook.actions.modules import reboot


class _Templar:
    def render(self, *_: Any) -> str:
        return "ssh"


@dataclass
class Host:
    """Answers commands as a host that reboots on its command; `down`: tries that fail after that."""

    args: dict[str, Any] = field(default_factory=dict)
    down: int = 2
    failing_tests: int = 0
    reboots: bool = True
    check: bool = False
    commands: list[str] = field(default_factory=list)
    boots: int = 1
    templar: _Templar = field(default_factory=_Templar)
    scope: None = None

    def run_module(self, module: str, args: dict[str, Any], **_: Any) -> dict[str, Any]:
        if module == "setup":
            return {"ansible_facts": {"ansible_distribution": "Debian"}}
        line = args["_raw_params"]
        self.commands.append(line)
        if line.startswith("for path in"):
            return {"rc": 0, "stdout": "/sbin/shutdown"}
        if "shutdown" in line:
            self.boots += self.reboots
            raise UnreachableError("a", "the connection was closed")
        if "boot_id" in line:
            return {"rc": 0, "stdout": f"boot-{self.boots}\n"}
        if self.failing_tests:
            self.failing_tests -= 1
            return {"rc": 1, "stdout": "", "stderr": "not yet"}
        return {"rc": 0, "stdout": "root"}

    def reconnect(self, timeout: float) -> None:
        del timeout
        if self.down:
            self.down -= 1
            raise UnreachableError("a", "no answer")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reboot, "_PAUSE", 0.0)


def run(host: Host) -> dict[str, Any]:
    return reboot.run(cast("Call", host))


def test_a_host_that_was_away_and_has_a_new_boot_id_has_rebooted() -> None:
    host = Host({"msg": "an update", "pre_reboot_delay": 120, "test_command": "true"}, failing_tests=2)
    result = run(host)
    assert result == {"changed": True, "rebooted": True, "elapsed": 0}
    assert "/sbin/shutdown -r 2 'an update'" in host.commands
    assert host.commands.count("true") == 3


def test_a_host_that_never_goes_down_fails_after_the_timeout() -> None:
    result = run(Host({"reboot_timeout": 0}, reboots=False, down=0))
    assert result["failed"]
    assert result["rebooted"]
    assert result["msg"] == "Timed out waiting for last boot time check (timeout=0)"


def test_a_test_command_that_never_succeeds_fails_after_the_timeout() -> None:
    result = run(Host({"reboot_timeout": 0}, failing_tests=9, down=0))
    assert result["msg"] == "Timed out waiting for post-reboot test command (timeout=0)"


def test_another_command_reads_the_time_of_the_boot() -> None:
    host = Host({"boot_time_command": "sysctl kernel.random.boot_id"})
    assert run(host)["rebooted"]
    assert host.commands.count("sysctl kernel.random.boot_id") == 2


def test_a_boot_time_command_that_fails_ends_the_task_before_the_reboot() -> None:
    class Broken(Host):
        def run_module(self, module: str, args: dict[str, Any], **_: Any) -> dict[str, Any]:
            del module, args
            return {"rc": 127, "stdout": "", "stderr": "not found"}

    with pytest.raises(ActionError, match="failed to get host boot time info, rc: 127"):
        run(Broken())


def test_check_mode_reboots_nothing() -> None:
    host = Host(check=True)
    assert run(host) == {"changed": True, "elapsed": 0, "rebooted": True}
    assert host.commands == []
