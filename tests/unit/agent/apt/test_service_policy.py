"""policy-rc.d while apt works: there and back again, also when its agent is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kprov.agent.apt.service_policy import hold_policy, recover_policy
from kprov.agent.context import ModuleError

OWN = "#!/bin/sh\n# the host's own\nexit 104\n"


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    return tmp_path / "policy-rc.d"


def in_force(rule: Path, then: str) -> subprocess.Popen[str]:
    """Another process with a rule in force, which it has told when this returns."""
    program = (
        "import os, signal, sys; from kprov.agent.apt.service_policy import hold_policy\n"
        f"with hold_policy(101, 0, sys.argv[1]): print('in force', flush=True); {then}"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(rule)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in force\n"
    return process


def killed(rule: Path) -> None:
    with in_force(rule, "os.kill(os.getpid(), signal.SIGKILL)") as process:
        process.wait()
    assert process.returncode == -signal.SIGKILL


def answer(rule: Path) -> int:
    return subprocess.run([rule], check=False).returncode


def test_a_rule_ends_with_its_block(rule: Path) -> None:
    with hold_policy(101, 0, str(rule)):
        assert answer(rule) == 101
    assert list(rule.parent.iterdir()) == []


def test_the_hosts_own_rule_comes_back_as_it_was(rule: Path) -> None:
    rule.write_text(OWN)
    rule.chmod(0o711)
    was = rule.stat()
    with hold_policy(101, 0, str(rule)):
        assert answer(rule) == 101
    assert (rule.read_text(), rule.stat().st_ino, rule.stat().st_mode) == (OWN, was.st_ino, was.st_mode)
    assert list(rule.parent.iterdir()) == [rule]


def test_a_rule_that_is_a_link_comes_back_as_a_link(rule: Path) -> None:
    rule.symlink_to("elsewhere")
    with hold_policy(101, 0, str(rule)):
        assert answer(rule) == 101
    assert rule.readlink() == Path("elsewhere")


@pytest.mark.parametrize("own", [None, OWN])
@pytest.mark.parametrize("by_apt", [False, True])
def test_the_rule_of_a_killed_agent_is_ended_by_the_next(rule: Path, own: str | None, by_apt: bool) -> None:
    if own:
        rule.write_text(own)
    killed(rule)
    assert answer(rule) == 101
    if by_apt:
        with hold_policy(None, 0, str(rule)):
            assert rule.exists() == bool(own)
    else:
        recover_policy(str(rule))
    assert [(one.name, one.read_text()) for one in rule.parent.iterdir()] == (
        [(rule.name, own)] if own else []
    )


def test_the_rule_of_a_living_agent_stays_and_is_waited_for(rule: Path) -> None:
    with in_force(rule, "sys.stdin.read()") as process:
        recover_policy(str(rule))
        assert answer(rule) == 101
        for code in (None, 0):
            with pytest.raises(ModuleError, match="another task of kprov"), hold_policy(code, 0, str(rule)):
                pass
        assert process.stdin is not None
        process.stdin.close()
    assert not rule.exists()


def test_the_rule_of_a_killed_agent_lasts_as_long_as_its_programs(rule: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    then = f"from kprov.agent import process; process.run_program('read x < {pipe}', shell='/bin/sh')"
    with in_force(rule, then) as agent, pipe.open("w"):  # which is open once the program has it open
        agent.kill()
        agent.wait()
        recover_policy(str(rule))
        assert answer(rule) == 101
    with hold_policy(None, 10, str(rule)):
        assert not rule.exists()


def test_a_policy_of_another_program_does_not_change(rule: Path) -> None:
    rule.write_text(OWN)
    recover_policy(str(rule))
    assert rule.read_text() == OWN


def test_a_rule_that_somebody_put_there_meanwhile_stays(rule: Path) -> None:
    rule.write_text("the first")
    killed(rule)
    rule.unlink()
    rule.write_text("the second")
    recover_policy(str(rule))
    assert [(one.name, one.read_text()) for one in rule.parent.iterdir()] == [(rule.name, "the second")]


def test_an_agent_that_was_killed_before_its_rule_was_there_costs_nothing(rule: Path) -> None:
    rule.write_text(OWN)
    os.link(rule, f"{rule}.kprov-before")
    recover_policy(str(rule))
    assert [(one.name, one.read_text()) for one in rule.parent.iterdir()] == [(rule.name, OWN)]
