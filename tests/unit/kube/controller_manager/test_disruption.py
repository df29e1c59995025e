"""Disruption budgets: what may be evicted, by their rules and over a server."""

from typing import Any

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Condition
from kprov.kube.api.policy import PodDisruptionBudget
from kprov.kube.controller_manager.disruption import budget
from kprov.kube.machinery import timestamps
from tests.builders.pods import build_conditions, view_pod


def make_pod(name: str, *, deleted: bool = False, ready: bool = True) -> Pod:
    metadata = {"deletionTimestamp": "2026-01-01T11:00:00Z"} if deleted else {}
    return view_pod(name, metadata=metadata, status={"conditions": build_conditions(Ready=ready)})


NOW = timestamps.seconds("2026-01-01T12:00:00Z")
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}


def pdb(**spec: Any) -> PodDisruptionBudget:
    made = PodDisruptionBudget()
    for name, value in spec.items():
        setattr(made.spec, name, value)
    return made


@pytest.mark.parametrize(
    ("spec", "expected", "wanted"),
    [
        ({"min_available": 2}, 3, 2),
        ({"min_available": "50%"}, 3, 2),
        ({"max_unavailable": 1}, 3, 2),
        ({"max_unavailable": "34%"}, 3, 1),
        ({"max_unavailable": 5}, 3, 0),
    ],
)
def test_how_many_have_to_be_healthy(spec: dict[str, Any], expected: int, wanted: int) -> None:
    assert budget.compute_desired(pdb(**spec), expected) == wanted


def test_evicted_pods_are_waited_for_two_minutes() -> None:
    one = pdb(min_available=1)
    one.status.disrupted_pods = {
        "awaited": "2026-01-01T11:59:00Z",
        "stayed": "2026-01-01T11:57:00Z",
        "going": "2026-01-01T11:59:00Z",
        "gone": "2026-01-01T11:59:00Z",
    }
    pods = [
        make_pod("awaited"),
        make_pod("stayed"),
        make_pod("going", deleted=True),
        make_pod("other"),
        make_pod("no", ready=False),
    ]
    found = budget.find_evicted(one, pods, NOW)
    assert found.awaited == {"awaited": "2026-01-01T11:59:00Z"}
    assert [each.metadata.name for each in found.stayed] == ["stayed"]
    assert found.again == 60.0
    assert budget.count_healthy(pods, found.awaited) == 2


def test_without_pods_nothing_is_allowed() -> None:
    one = pdb(max_unavailable=1)
    document = budget.make_status(one, current=0, wanted=0, expected=0, awaited={}, stamp="now")
    assert document["disruptionsAllowed"] == 0
    (condition,) = document["conditions"]
    assert (condition["type"], condition["status"]) == ("DisruptionAllowed", "False")
    assert condition["reason"] == "InsufficientPods"


def test_a_mark_of_disruption_is_stale_after_two_minutes() -> None:
    marked = make_pod("p")
    mark = Condition(type="DisruptionTarget", status="True", last_transition_time="2026-01-01T11:59:00Z")
    marked.status.conditions.append(mark)
    assert budget.get_seconds_until_stale(marked, NOW) == 60.0
    assert budget.get_seconds_until_stale(marked, NOW + 600) == 0.0
    mark.reason = "TerminationByKubelet"
    assert budget.get_seconds_until_stale(marked, NOW) is None
    assert budget.get_seconds_until_stale(make_pod("p"), NOW) is None


async def new_pods(api: Any, count: int, owner: dict[str, Any] | None = None) -> None:
    for number in range(count):
        metadata: dict[str, Any] = {"name": f"p{number}", "labels": {"app": "web"}}
        if owner is not None:
            metadata["ownerReferences"] = [owner | {"controller": True}]
        await api.create("pods", {"metadata": metadata, "spec": {"containers": []}})
        await api.change("pods", f"p{number}", {"status": {"phase": "Running", "conditions": [READY]}})


async def new_budget(api: Any, **spec: Any) -> None:
    selector = {"matchLabels": {"app": "web"}}
    document = {"metadata": {"name": "b"}, "spec": {"selector": selector, **spec}}
    await api.create("poddisruptionbudgets", document)


async def until_status(api: Any, **expected: Any) -> dict[str, Any]:
    def there() -> Any:
        found = api.get("poddisruptionbudgets", "b").get("status", {})
        return found if expected.items() <= found.items() else None

    found: dict[str, Any] = await api.until(there)
    return found


async def test_a_budget_follows_its_pods(api: Any, start: Any) -> None:
    await start("disruption-controller")
    await new_budget(api, minAvailable=1)
    await until_status(api, expectedPods=0, disruptionsAllowed=0, observedGeneration=1)
    await new_pods(api, 3)
    status = await until_status(api, currentHealthy=3, desiredHealthy=1, expectedPods=3, disruptionsAllowed=2)
    (condition,) = status["conditions"]
    assert (condition["status"], condition["reason"]) == ("True", "SufficientPods")
    await api.change("pods", "p0", {"status": {"conditions": [READY | {"status": "False"}]}})
    await until_status(api, currentHealthy=2, disruptionsAllowed=1)


async def test_an_evicted_pod_counts_until_it_is_gone(api: Any, start: Any) -> None:
    await start("disruption-controller")
    await new_pods(api, 2)
    await new_budget(api, minAvailable=1)
    await until_status(api, disruptionsAllowed=1)
    # As the eviction subresource does.
    noted = {"disruptionsAllowed": 0, "disruptedPods": {"p0": timestamps.now()}}
    await api.change("poddisruptionbudgets", "b", {"status": noted})
    await until_status(api, currentHealthy=1, disruptionsAllowed=0)
    assert list(api.get("poddisruptionbudgets", "b")["status"]["disruptedPods"]) == ["p0"]
    await api.delete(("pods", "default", "p0"))
    status = await until_status(api, currentHealthy=1, expectedPods=1, disruptionsAllowed=0)
    await api.until(lambda: not api.get("poddisruptionbudgets", "b")["status"].get("disruptedPods"))
    assert status["desiredHealthy"] == 1


async def test_the_scale_of_a_deployment_counts_not_its_pods(api: Any, start: Any) -> None:
    await start("disruption-controller")
    top = await api.create("deployments", {"metadata": {"name": "web"}, "spec": {"replicas": 5}})
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": top["metadata"]["uid"]}
    metadata = {"name": "web-1", "ownerReferences": [owner | {"controller": True}]}
    rs = await api.create("replicasets", {"metadata": metadata, "spec": {"replicas": 2}})
    of = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": rs["metadata"]["uid"]}
    await new_pods(api, 2, of)
    await new_budget(api, maxUnavailable=4)
    await until_status(api, expectedPods=5, desiredHealthy=1, currentHealthy=2, disruptionsAllowed=1)


async def test_a_controller_without_a_scale_fails_safe(api: Any, start: Any) -> None:
    await start("disruption-controller")
    await new_pods(api, 1, {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u"})
    await new_budget(api, maxUnavailable=1)
    await api.until(lambda: api.get("poddisruptionbudgets", "b").get("status"))
    status = api.get("poddisruptionbudgets", "b")["status"]
    assert status["disruptionsAllowed"] == 0
    (condition,) = status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "SyncFailed")
    assert condition["message"] == "jobs.batch does not implement the scale subresource"


async def test_a_stale_mark_of_disruption_is_taken_away(api: Any, start: Any) -> None:
    await start("disruption-controller")
    await api.create("pods", {"metadata": {"name": "p"}, "spec": {"containers": []}})
    mark = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    mark["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    await api.change("pods", "p", {"status": {"phase": "Running", "conditions": [READY, mark]}})

    def taken() -> bool:
        conditions = {each["type"]: each for each in api.get("pods", "p")["status"]["conditions"]}
        return conditions["DisruptionTarget"]["status"] == "False" and "Ready" in conditions

    await api.until(taken)
