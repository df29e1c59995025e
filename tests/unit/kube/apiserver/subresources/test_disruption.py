"""What budgets say to the eviction of a pod."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.subresources import disruption
from kprov.kube.machinery.status import StatusError
from tests.builders.pods import build_conditions, build_pod

WEB = {"app": "web"}


def budget(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "guard", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "web"}}} | (spec or {}),
        "status": {"observedGeneration": 1} | status,
    }


def cause(caught: pytest.ExceptionInfo[StatusError]) -> str:
    return str(caught.value.status["details"]["causes"][0]["message"])


def test_a_disruption_that_is_allowed_is_spent_and_the_pod_is_noted() -> None:
    spent = disruption.decrement_budget(budget(disruptionsAllowed=2), "web-1")
    assert spent["status"]["disruptionsAllowed"] == 1
    assert "web-1" in spent["status"]["disruptedPods"]
    assert "conditions" not in spent["status"]


def test_the_last_disruption_turns_the_condition() -> None:
    spent = disruption.decrement_budget(budget(disruptionsAllowed=1), "web-1")
    (condition,) = spent["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "DisruptionAllowed",
        "False",
        "InsufficientPods",
    )


def test_no_disruption_left_is_429_and_says_how_many_pods_are_needed() -> None:
    with pytest.raises(StatusError) as caught:
        disruption.decrement_budget(budget(disruptionsAllowed=0, currentHealthy=2, desiredHealthy=3), "web-1")
    assert caught.value.code == 429
    assert caught.value.retry_after_seconds is None
    assert cause(caught) == "The disruption budget guard needs 3 healthy pods and has 2 currently"


def test_a_budget_whose_numbers_are_old_asks_for_patience() -> None:
    old = budget(disruptionsAllowed=5)
    old["metadata"]["generation"] = 2
    with pytest.raises(StatusError) as caught:
        disruption.decrement_budget(old, "web-1")
    assert (caught.value.code, caught.value.retry_after_seconds) == (429, 10)
    assert cause(caught) == "The disruption budget guard is still being processed by the server."


def test_a_budget_that_failed_to_sync_says_why() -> None:
    condition = {
        "type": "DisruptionAllowed",
        "status": "False",
        "reason": "SyncFailed",
        "message": "no scale",
    }
    with pytest.raises(StatusError) as caught:
        disruption.decrement_budget(budget(disruptionsAllowed=0, conditions=[condition]), "web-1")
    assert cause(caught).endswith("because it failed sync: no scale")


@pytest.mark.parametrize(
    "status", [{"disruptionsAllowed": -1}, {"disruptedPods": dict.fromkeys(range(2001))}]
)
def test_broken_budgets_are_403(status: dict[str, Any]) -> None:
    with pytest.raises(StatusError) as caught:
        disruption.decrement_budget(budget(**status), "web-1")
    assert caught.value.code == 403


@pytest.mark.parametrize(
    ("phase", "metadata", "expected"),
    [
        ("Running", {}, False),
        ("Pending", {}, True),
        ("Succeeded", {}, True),
        ("Failed", {}, True),
        ("Running", {"deletionTimestamp": "2026-01-01T00:00:00Z"}, True),
    ],
)
def test_pods_that_no_budget_counts(phase: str, metadata: dict[str, Any], expected: bool) -> None:
    assert (
        disruption.is_unprotected(build_pod(labels=WEB, metadata=metadata, status={"phase": phase}))
        is expected
    )


def test_only_budgets_that_select_the_pod_apply() -> None:
    other = budget({"selector": {"matchLabels": {"app": "db"}}})
    wrong = budget({"selector": {"matchExpressions": [{"key": "app", "operator": "Near"}]}})
    assert disruption.select_budgets(build_pod(labels=WEB), [other, wrong, budget()]) == [budget()]


@pytest.mark.parametrize(
    ("ready", "spec", "status", "expected"),
    [
        (True, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {}, False),
        (False, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {}, True),
        (False, {}, {"currentHealthy": 2, "desiredHealthy": 2}, True),
        (False, {}, {"currentHealthy": 1, "desiredHealthy": 2}, False),
        (False, {}, {"currentHealthy": 0, "desiredHealthy": 0}, False),
    ],
)
def test_unready_pods_may_go_without_using_up_the_budget(
    ready: bool, spec: dict[str, Any], status: dict[str, Any], expected: bool
) -> None:
    assert (
        disruption.allows_unhealthy_eviction(
            build_pod(status={"phase": "Running", "conditions": build_conditions(Ready=ready)}),
            budget(spec, **status),
        )
        is expected
    )
