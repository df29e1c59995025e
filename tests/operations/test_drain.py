"""Nodes are drained with respect to budgets and to pods that nothing replaces, and drains are taken back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import Cluster, eventually
from tests.lab.workload import pod, web

NODE = "node3"
HERE: dict[str, Any] = {"nodeSelector": {"kubernetes.io/hostname": NODE}}


def run_node(cluster: Cluster, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """`kprov node WORDS`, which may fail."""
    return cluster.lab.kprov("node", *words, "-i", cluster.lab.inventory, check=False)


def is_cordoned(cluster: Cluster) -> bool:
    return bool(cluster.get("node", NODE)["spec"].get("unschedulable"))


@pytest.fixture(autouse=True)
def _uncordoned(cluster: Cluster) -> Iterator[None]:
    yield
    done = run_node(cluster, "uncordon", NODE)
    assert done.returncode == 0, done.stderr


def test_a_budget_blocks_a_drain_which_can_be_taken_back_or_repeated(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    scratch = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
    cluster.apply(web("web", 2, **HERE, **scratch), namespace=namespace)
    cluster.kubectl("create", "pdb", "web", "--selector=app=web", "--min-available=2", "-n", namespace)
    eventually("two pods run", lambda: len(cluster.running_pods(namespace)) == 2)
    planned = run_node(cluster, "drain", NODE, "--plan").stdout
    assert f"evict pod {namespace}/web-" in planned
    assert "which loses the data of its emptyDir volumes" in planned
    assert not is_cordoned(cluster)
    report = tmp_path / "report.json"
    done = run_node(cluster, "drain", NODE, "--drain-timeout", "8", "--report", report)
    assert done.returncode == 1
    assert f"{namespace}/web-" in done.stderr
    assert "disruption budget" in done.stderr
    phases = json.loads(report.read_text())["phases"]
    assert [phase["state"] for phase in phases] == ["failed"]
    assert (len(cluster.running_pods(namespace)), is_cordoned(cluster)) == (2, True)
    # Neither needs --abandon.
    assert run_node(cluster, "uncordon", NODE).returncode == 0
    assert not is_cordoned(cluster)
    cluster.kubectl("delete", "pdb", "web", "-n", namespace)
    assert run_node(cluster, "drain", NODE, "--grace-period", "1").returncode == 0
    assert cluster.running_pods(namespace) == []
    assert "nothing to do" in run_node(cluster, "drain", NODE).stdout


def test_a_pod_that_nothing_replaces_is_refused_before_the_node_changes(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(pod("alone", "sleep 3600", **HERE), namespace=namespace)
    eventually("the pod runs", lambda: cluster.running_pods(namespace))
    refusal = f"no controller replaces {namespace}/alone ({NODE})"
    for words in (("drain", NODE), ("drain", NODE, "--plan"), ("replace", NODE, "--yes")):
        done = run_node(cluster, *words)
        assert (done.returncode, refusal in done.stderr) == (2, True), done.stderr
        assert (len(cluster.running_pods(namespace)), is_cordoned(cluster)) == (1, False)
    assert (
        "alone, which no controller replaces" in run_node(cluster, "drain", NODE, "--force", "--plan").stdout
    )
    assert run_node(cluster, "drain", NODE, "--force").returncode == 0
    assert cluster.running_pods(namespace) == []
