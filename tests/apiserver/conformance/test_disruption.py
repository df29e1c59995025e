"""Disruption budgets with their controller."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer

_RUNS = "kubelet: the test says that pods run"
_LABELS = {"foo": "bar"}


def new_budget(server: ApiServer, namespace: str) -> str:
    """At least one pod has to be there; its path."""
    budgets = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": _LABELS}}
    ok(server, "POST", budgets, {"metadata": {"name": "foo"}, "spec": spec})
    return f"{budgets}/foo"


def running_pods(server: ApiServer, namespace: str, count: int) -> list[str]:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    names = [f"rs-{number}" for number in range(count)]
    for name in names:
        spec = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}
        ok(server, "POST", pods, {"metadata": {"name": name, "labels": _LABELS}, "spec": spec})
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        merge(server, f"{pods}/{name}/status", {"status": status})
    return names


@pytest.mark.entry("DisruptionController should observe PodDisruptionBudget status updated", without=_RUNS)
def test_disruption_should_observe_a_budgets_status_updated(governed: ApiServer, home: str) -> None:
    path = new_budget(governed, home)
    running_pods(governed, home, 3)

    def status() -> Any:
        return ok(governed, "GET", path).get("status", {})

    eventually(lambda: status().get("disruptionsAllowed", 0) > 0)
    eventually(lambda: status().get("expectedPods") == 3)
    assert (status()["currentHealthy"], status()["disruptionsAllowed"]) == (3, 2)


def test_an_eviction_spends_what_the_controller_allows(governed: ApiServer, home: str) -> None:
    path = new_budget(governed, home)
    first, second = running_pods(governed, home, 2)
    eventually(lambda: ok(governed, "GET", path).get("status", {}).get("disruptionsAllowed") == 1)

    def evict(name: str) -> int:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        return governed.post(f"/api/v1/namespaces/{home}/pods/{name}/eviction", body).status

    assert evict(first) == 201
    eventually(lambda: ok(governed, "GET", path)["status"].get("expectedPods") == 1)
    assert evict(second) == 429
    assert not ok(governed, "GET", path)["status"].get("disruptedPods")
