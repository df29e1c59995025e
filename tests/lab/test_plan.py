"""`kprov plan` on a cluster that is there: one changed variable, file by file, done exactly or refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.lab.conftest import HOSTS, Cluster

CONF = "/etc/etcd/etcd.conf.yml"
CHANGED = ("-e", "etcd_election_timeout=1500")


def timeouts(cluster: Cluster) -> set[str]:
    return {cluster.lab.ssh(host, f"grep election-timeout {CONF}").strip() for host in HOSTS}


def test_a_plan_of_bare_hosts_has_exactly_the_changes_that_up_makes(cluster: Cluster) -> None:
    def count(changes: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
        return Counter((change["host"], change["task"]) for change in changes)

    assert count(cluster.planned) == count(cluster.made)
    # A service that is not installed yet is started, not restarted.
    restarts = [change for change in cluster.planned if change.get("action") == "restarted"]
    assert [change for change in restarts if change.get("unforeseen")] == []
    assert f"\n{len(cluster.made)} changes made\n" in cluster.first_run.stdout
    again = cluster.lab.kprov("plan", "-i", cluster.lab.inventory, "-o", "json").stdout
    assert json.loads(again)["changes"] == []


def test_one_variable_is_planned_file_by_file_and_a_host_that_drifted_is_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    inventory, saved = cluster.lab.inventory, tmp_path / "plan.kprov"
    shown = cluster.lab.kprov("plan", "-i", inventory, *CHANGED, "--out", saved).stdout
    assert f"\n{', '.join(HOSTS)}\n  file     {CONF}" in shown
    assert "-election-timeout: 1000\n           +election-timeout: 1500" in shown
    assert f"restarts etcd on {', '.join(HOSTS)}" in shown
    assert "one by one: 2 of 3 members keep running, 2 are needed" in shown
    assert timeouts(cluster) == {"election-timeout: 1000"}

    cluster.lab.ssh("node2", f"echo '# by hand' >> {CONF}")
    refused = cluster.lab.kprov("up", "-i", inventory, *CHANGED, "--plan", saved, check=False)
    assert refused.returncode == 2
    assert f"node2: etcd : Configure etcd: {CONF}" in refused.stderr
    assert "node1" not in refused.stderr
    assert timeouts(cluster) == {"election-timeout: 1000"}

    cluster.lab.ssh("node2", f"sed -i '/# by hand/d' {CONF}")
    cluster.lab.kprov("up", "-i", inventory, *CHANGED, "--plan", saved)
    assert timeouts(cluster) == {"election-timeout: 1500"}
    report = tmp_path / "report.json"
    cluster.lab.kprov("up", "-i", inventory, "--report", report)
    assert timeouts(cluster) == {"election-timeout: 1000"}
    kinds = {change["kind"] for change in json.loads(report.read_text())["changes"]}
    assert kinds == {"file", "service"}
