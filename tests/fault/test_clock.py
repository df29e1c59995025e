"""A host whose clock is wrong by years: tasks continue, and warnings name the wrong times."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.fault.conftest import Break
from tests.fault.hosts import Hosts
from tests.fault.playing import play
from tests.fault.test_waits import with_variables

#: The kernel's clock is the lab machine's own: what the agent and its programs see of it is moved instead.
CLOCK = "apt-get update -qq; apt-get install -qq -y faketime openssl >/dev/null"


@pytest.mark.parametrize("years", [-7, 7])
def test_a_host_whose_clock_is_wrong_by_years_is_worked_on(
    hosts: Hosts, broken: Break, tmp_path: Path, years: int
) -> None:
    broken("node1", CLOCK, "rm -rf /root/fault-clock")
    python = f"/usr/bin/faketime -f {years * 365:+d}d /usr/bin/python3"
    inventory = with_variables(hosts, tmp_path, "node1", ansible_python_interpreter=python)
    tasks: list[dict[str, Any]] = [
        {"name": "Date", "command": "date +%Y", "register": "date", "changed_when": False},
        {"name": "Folder", "file": {"path": "/root/fault-clock", "state": "directory"}},
        {"name": "File", "copy": {"content": "new\n", "dest": "/root/fault-clock/file"}},
        {"name": "Line", "lineinfile": {"path": "/root/fault-clock/lines", "line": "more", "create": True}},
        {
            "name": "As the user",
            "command": "true",
            "changed_when": False,
            "become": False,
            "vars": {"ansible_become": False},
        },
        {"name": "Said", "copy": {"content": "{{ date.stdout }}", "dest": "/root/fault-clock/year"}},
    ]
    said = play(hosts, tmp_path, tasks, "--limit", "node1", inventory=inventory)
    assert said.code == 0, said.text
    # Said once for a host with several connections to it, and for no other one.
    which = "ahead of" if years > 0 else "behind"
    (warning,) = said.report["warnings"]
    assert warning.startswith(f"node1: its clock is {abs(years) * 365} days")
    assert f"{which} this machine's" in warning
    assert said.text.count("its clock is") == 1
    assert f"warning: {warning}" in said.text.replace("\n", " ")
    assert int(hosts.inside("node1", "cat /root/fault-clock/year")) == pytest.approx(
        time.localtime().tm_year + years, abs=1
    )
    again = play(hosts, tmp_path, tasks, "--limit", "node1", inventory=inventory)
    assert (again.code, again.report["changed"]) == (0, 0), again.text


def test_a_certificate_that_is_not_valid_yet_for_the_host_is_named_as_that(
    hosts: Hosts, broken: Break, tmp_path: Path
) -> None:
    broken(
        "node1",
        f"{CLOCK}; mkdir -p /root/fault-clock && cd /root/fault-clock && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key -out crt -days 30 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null && "
        "systemd-run --quiet --collect --unit=fault-tls openssl s_server -accept 9443 -cert $PWD/crt -key $PWD/key -www",
        "systemctl stop fault-tls; rm -rf /root/fault-clock",
    )
    python = "/usr/bin/faketime -f -2555d /usr/bin/python3"
    inventory = with_variables(hosts, tmp_path, "node1", ansible_python_interpreter=python)
    get = {"url": "https://localhost:9443/", "ca_path": "/root/fault-clock/crt"}
    said = play(hosts, tmp_path, [{"name": "Get", "uri": get}], "--limit", "node1", inventory=inventory)
    assert said.code == 1
    error = said.error("node1")
    assert error["task"] == "Get"
    assert "certificate is not yet valid" in error["message"]
