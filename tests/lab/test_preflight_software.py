"""Preflight checks of software, clocks and identities that conflict, on bare hosts with the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import Lab
from tests.lab.test_bad_input import spoiled
from tests.lab.test_preflight import changed, preflight, problems

#: A Python whose clock is late: all hosts have the clock of this machine.
LATE = "/usr/local/bin/late-python3"
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"

#: By host: shell scripts that break it and repair it.
DAMAGE = {
    "node1": (
        """
        printf '[Service]\nExecStart=/bin/sleep 1000\n' > /etc/systemd/system/k3s.service
        mkdir -p /run/deb/DEBIAN
        printf 'Package: containerd.io\nVersion: 1.7.28-1\nArchitecture: all\nMaintainer: test\nDescription: test\n' > /run/deb/DEBIAN/control
        dpkg-deb --build /run/deb /run/containerd.io.deb && dpkg -i /run/containerd.io.deb
        """,
        "rm -f /etc/systemd/system/k3s.service; systemctl daemon-reload; dpkg --purge containerd.io; rm -r /run/deb",
    ),
    "node2": (
        f"""
        {INSTALL} faketime
        printf '#!/bin/sh\nexec faketime -f -95s python3 "$@"\n' > {LATE}
        chmod +x {LATE}
        """,
        f"rm -f {LATE}; apt-get -qq purge -y --autoremove faketime",
    ),
    "node3": (
        f"""
        hostname node1
        {INSTALL} ufw
        ufw allow 22/tcp
        ufw --force enable
        """,
        "ufw --force disable; apt-get -qq purge -y --autoremove ufw; rm -rf /etc/ufw; hostname node3",
    ),
}


@pytest.fixture(scope="module")
def conflicting(lab: Lab) -> Iterator[Lab]:
    """Hosts with another cluster, Docker's containerd, a late clock, a name twice and a firewall."""
    with ExitStack() as stack:
        for host, (change, undo) in DAMAGE.items():
            stack.enter_context(changed(lab, host, f"set -e\n{change}", undo))
        yield lab


@pytest.fixture
def inventory(conflicting: Lab, tmp_path: Path) -> Path:
    """node2's tasks run with the late clock."""

    def use_late_python(inventory: dict[str, Any]) -> None:
        inventory["all"]["hosts"]["node2"]["ansible_python_interpreter"] = LATE

    return spoiled(conflicting, tmp_path / "i", use_late_python)


def test_each_conflict_is_named_with_its_hint(conflicting: Lab, inventory: Path) -> None:
    code, document = preflight(conflicting, inventory=inventory)
    errors, warnings = problems(document, "error"), problems(document, "warning")
    assert code == 1
    assert errors.pop(("node1", "other-cluster")) == ["k3s is installed: k3s.service"]
    assert errors.pop(("node1", "container-engine")) == [
        "Docker's package containerd.io is installed, which the package containerd replaces"
    ]
    (late,) = errors.pop(("node2", "clock-offset"))
    assert late.startswith("its clock is 9")
    assert late.endswith(
        " s behind the median of all hosts; 1 s are allowed (preflight_clock_offset_seconds)"
    )
    # ufw is on.
    blocked = errors.pop(("node3", "firewall"))
    assert any("cannot connect to its port 2380/tcp (etcd peer)" in text for text in blocked)
    assert errors == {}
    assert warnings.pop(("node3", "firewall-service")) == ["ufw is active"]
    assert warnings.pop(("node1", "host-name")) == ["node3 has the same host name node1"]
    assert warnings.pop(("node3", "host-name")) == ["node1 has the same host name node1"]
    assert {check for _, check in warnings} <= {"disk-latency", "mtu"}


def test_conflicts_can_be_ignored(conflicting: Lab, inventory: Path) -> None:
    ignored = "other-cluster,container-engine,clock-offset,firewall,firewall-service,host-name"
    code, document = preflight(conflicting, "--ignore", ignored, inventory=inventory)
    assert (code, document["errors"]) == (0, 0)
