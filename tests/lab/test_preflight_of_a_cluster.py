"""`kprov preflight` on hosts that run the cluster: its own components are no problem."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.lab.conftest import HOSTS, Cluster


def test_a_running_cluster_passes_with_all_probes(cluster: Cluster) -> None:
    done = cluster.lab.kprov("preflight", "-i", cluster.lab.inventory, "-o", "json", timeout=60)
    document = json.loads(done.stdout)
    assert document["errors"] == 0
    assert {one["status"] for one in document["results"]} <= {"ok", "warning"}


def test_hosts_of_another_cluster_are_named(cluster: Cluster, tmp_path: Path) -> None:
    """An inventory with another authority than the one on the hosts."""
    other = tmp_path / "other"
    shutil.copytree(cluster.lab.inventory, other)
    pki = other / "artifacts" / "pki"
    shutil.copy(pki / "etcd-ca.crt", pki / "ca.crt")
    done = cluster.lab.kprov("preflight", "-i", other, "-o", "json", check=False, timeout=60)
    errors = [one for one in json.loads(done.stdout)["results"] if one["status"] == "error"]
    assert {(one["host"], one["check"]) for one in errors} == {(host, "other-cluster") for host in HOSTS}
    assert done.returncode == 1
