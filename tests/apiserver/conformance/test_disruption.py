"""Disruption budgets with their controller."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer

_RUNS = "kubelet: the test says that pods run"
_LABELS = {"foo": "bar"}


def budgets(namespace: str) -> str:
    return f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"


def new_budget(server: ApiServer, namespace: str, available: int | str) -> dict[str, Any]:
    spec = {"minAvailable": available, "selector": {"matchLabels": _LABELS}}
    return ok(server, "POST", budgets(namespace), {"metadata": {"name": "foo"}, "spec": spec})


def new_pods(server: ApiServer, namespace: str, count: int) -> None:
    """By a replica set."""
    containers = [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]
    template = {"metadata": {"labels": _LABELS}, "spec": {"containers": containers}}
    spec = {"replicas": count, "selector": {"matchLabels": _LABELS}, "template": template}
    sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    ok(server, "POST", sets, {"metadata": {"name": "rs"}, "spec": spec})


def running(server: ApiServer, namespace: str, count: int) -> list[str]:
    """Names of the pods, once there are as many; each is said to run."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}

    def all_of_them() -> list[str]:
        names = [each["metadata"]["name"] for each in ok(server, "GET", pods)["items"]]
        return names if len(names) == count else []

    names: list[str] = eventually(all_of_them)
    for name in names:
        merge(server, f"{pods}/{name}/status", {"status": status})
    return names


def observes(server: ApiServer, namespace: str, **expected: int) -> None:
    """Wait until the status is of the present generation and says that; what it leaves out is 0."""

    def told() -> bool:
        found = ok(server, "GET", f"{budgets(namespace)}/foo")
        status = found.get("status", {})
        return status.get("observedGeneration") == found["metadata"]["generation"] and all(
            status.get(name, 0) == value for name, value in expected.items()
        )

    eventually(told)


def evicts(server: ApiServer, namespace: str, pod: str) -> bool:
    """Whether the budget allows it."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    answer = server.post(f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", body)
    if answer.status == 201:
        return True
    assert (answer.status, answer.json["details"]["causes"][0]["reason"]) == (429, "DisruptionBudget")
    return False


@pytest.mark.entry("DisruptionController should create a PodDisruptionBudget")
def test_disruption_should_create_a_pod_disruption_budget(governed: ApiServer, home: str) -> None:
    made = new_budget(governed, home, "1%")
    assert made["metadata"]["generation"] == 1
    observes(governed, home)
    made = ok(governed, "GET", f"{budgets(home)}/foo")
    made["spec"]["minAvailable"] = "2%"
    updated = ok(governed, "PUT", f"{budgets(home)}/foo", made)
    assert (updated["spec"]["minAvailable"], updated["metadata"]["generation"]) == ("2%", 2)
    observes(governed, home)
    patched = merge(governed, f"{budgets(home)}/foo", {"spec": {"minAvailable": "3%"}})
    assert (patched["spec"]["minAvailable"], patched["metadata"]["generation"]) == ("3%", 3)
    observes(governed, home)
    ok(governed, "DELETE", f"{budgets(home)}/foo")
    assert governed.get(f"{budgets(home)}/foo").status == 404


@pytest.mark.entry("DisruptionController should observe PodDisruptionBudget status updated", without=_RUNS)
def test_disruption_should_observe_a_budgets_status_updated(governed: ApiServer, home: str) -> None:
    new_budget(governed, home, 1)
    new_pods(governed, home, 3)
    running(governed, home, 3)
    observes(governed, home, disruptionsAllowed=2, expectedPods=3, currentHealthy=3, desiredHealthy=1)


@pytest.mark.entry(
    "DisruptionController should block an eviction until the PDB is updated to allow it", without=_RUNS
)
def test_disruption_should_block_an_eviction_until_the_pdb_is_updated_to_allow_it(
    governed: ApiServer, home: str
) -> None:
    new_budget(governed, home, 3)
    new_pods(governed, home, 3)
    pod = running(governed, home, 3)[0]
    assert not evicts(governed, home, pod)
    merge(governed, f"{budgets(home)}/foo", {"spec": {"minAvailable": 2}})
    observes(governed, home, currentHealthy=3, disruptionsAllowed=1)
    assert evicts(governed, home, pod)
    merge(governed, f"{budgets(home)}/foo", {"spec": {"minAvailable": None, "maxUnavailable": 0}})
    eventually(lambda: governed.get(f"/api/v1/namespaces/{home}/pods/{pod}").status == 404)
    other = running(governed, home, 3)[0]
    assert not evicts(governed, home, other)
    observes(governed, home, currentHealthy=3, disruptionsAllowed=0)
    assert not ok(governed, "GET", f"{budgets(home)}/foo")["status"].get("disruptedPods")
    assert not evicts(governed, home, other)
    ok(governed, "DELETE", f"{budgets(home)}/foo")
    assert evicts(governed, home, other)
