"""`kprov up --check` on hosts that have nothing: it says what would be done, and does none of it."""

from __future__ import annotations

from pathlib import Path

from tests.lab.conftest import HOSTS, Lab, changed_copy
from tests.lab.test_bad_input import touched


def test_a_check_of_bare_hosts_ends_well_and_changes_nothing_anywhere(lab: Lab, tmp_path: Path) -> None:
    before = touched(lab)
    with changed_copy(lab.inventory, tmp_path / "i") as inventory:
        files = sorted(inventory.rglob("*"))
        done = lab.kprov("up", "-i", inventory, "--check", "--diff")
        assert sorted(inventory.rglob("*")) == files
    assert "; nothing was changed" in done.stdout
    assert "changes would be made" in done.stdout
    assert "failed" not in done.stdout
    assert "etcd : Configure etcd" in done.stdout
    assert "kubelet : Configure the kubelet" in done.stdout
    assert "+clusterDomain: cluster.local" in done.stdout
    assert touched(lab) == before
    assert all("kprov" not in lab.ssh(host, "ls /opt /etc") for host in HOSTS)
