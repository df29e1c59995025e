"""A host without Python: `raw` works on it, and every other module says how Python comes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fault.conftest import Break
from tests.fault.hosts import Hosts
from tests.fault.playing import play

AWAY = "mkdir -p /root/fault-python && for p in /usr/bin/python3*; do mv $p /root/fault-python/; done"
BACK = "if cd /root/fault-python 2>/dev/null; then mv * /usr/bin/; cd /; rmdir /root/fault-python; fi; rm -f /srv/fault-raw"
AS_USER: dict[str, Any] = {"become": False, "vars": {"ansible_become": False}}


@pytest.fixture
def bare(hosts: Hosts, broken: Break) -> Hosts:
    """node1 without Python."""
    broken("node1", AWAY, BACK)
    return hosts


def test_raw_brings_python_and_the_next_task_uses_it(bare: Hosts, tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = [
        {"name": "Look", "raw": "command -v python3 || echo none; id -un; echo warned >&2", "register": "look"},
        {"name": "Saw", "assert": {"that": [
            "look.stdout_lines == ['none', 'root']", "look.stderr_lines == ['warned']", "look.rc == 0", "look is changed",
        ]}},
        {"name": "As the user", "raw": "id -un", "register": "user", **AS_USER},
        {"name": "No root", "assert": {"that": "user.stdout_lines == ['kprov']"}},
        {"name": "Quoted", "raw": "echo \"it's\"   '$((40 + 2))' $((40 + 2)) | tr -s ' '", "register": "quoted"},
        {"name": "Whole", "assert": {"that": "quoted.stdout_lines == ['it\\'s $((40 + 2)) 42']"}},
        {"name": "Loop", "raw": "echo {{ item }} >> /srv/fault-raw", "loop": ["one", "two"]},
        {"name": "Another shell", "raw": "echo $BASH_VERSION", "args": {"executable": "/bin/bash"}, "register": "shell"},
        {"name": "Bash", "assert": {"that": "shell.stdout_lines[0] is match('[5-9]')"}},
        {"name": "Fails", "raw": "echo said; echo why >&2; exit 3", "register": "fails", "ignore_errors": True},
        {"name": "Failed", "assert": {"that": [
            "fails is failed", "fails.rc == 3", "fails.stdout_lines == ['said']", "fails.stderr_lines == ['why']",
            "fails.msg == 'non-zero return code'",
        ]}},
        {"name": "Not in check mode", "raw": "touch /srv/fault-checked", "check_mode": True, "register": "checked"},
        {"name": "Skipped", "assert": {"that": "checked is skipped"}},
        {"name": "Install", "raw": "mv /root/fault-python/* /usr/bin/"},
        {"name": "Module", "copy": {"dest": "/srv/fault-raw", "content": "three\n"}, "register": "copied", "diff": True},
        {"name": "Copied", "assert": {"that": "copied.diff[0].before == 'one\\ntwo\\n'"}},
    ]  # fmt: skip
    said = play(bare, tmp_path, tasks, "--limit", "node1")
    assert said.code == 0, said.text
    assert bare.inside("node1", "cat /srv/fault-raw; ls /srv/fault-checked 2>/dev/null || true") == "three\n"


def test_other_modules_fail_there_and_name_the_way_out(bare: Hosts, tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = [
        {"block": [{"name": "Module", "command": "true"}],
         "rescue": [{"name": "Instead", "raw": "echo rescued > /srv/fault-raw"}]},
        {"name": "Facts", "setup": {}},
    ]  # fmt: skip
    said = play(bare, tmp_path, tasks, "--limit", "node1")
    assert said.code == 1, said.text
    assert bare.inside("node1", "cat /srv/fault-raw") == "rescued\n"
    assert [error["task"] for error in said.report["errors"]] == ["Module", "Facts"]
    for error in said.report["errors"]:
        assert error["outcome"] == "failed"
        assert "Python 3.9 or newer is needed on the host and was not found" in error["message"]
        assert "install python with ansible.builtin.raw" in error["message"]


def test_raw_without_python_tells_who_it_cannot_be(bare: Hosts, broken: Break, tmp_path: Path) -> None:
    broken("node1", "mv /etc/sudoers.d /root/fault-sudoers", "mv /root/fault-sudoers /etc/sudoers.d")
    said = play(bare, tmp_path, [{"name": "Look", "raw": "id -un"}], "--limit", "node1")
    assert said.code == 4, said.text
    assert "ansible_become_password" in said.error("node1")["message"]
