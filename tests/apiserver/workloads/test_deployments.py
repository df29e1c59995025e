"""What the deployment controller leaves on a deployment."""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.workloads.conftest import Home

_REVISION = "deployment.kubernetes.io/revision"


def create_deployment(home: Home, name: str, replicas: int = 1) -> None:
    labels = {"app": name}
    containers = [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": template,
    }
    home.create("deployments", {"metadata": {"name": name}, "spec": spec})


def wait_for_revision(home: Home, name: str, revision: int, replicas: int = 1) -> JsonObject:
    """The deployment, once a rollout to that revision is complete."""

    def find() -> JsonObject | None:
        found = home.get("deployments", name)
        status = found["status"]
        counts = (status.get(each, 0) for each in ("replicas", "updatedReplicas", "availableReplicas"))
        is_done = all(count == replicas for count in counts)
        is_observed = status.get("observedGeneration") == found["metadata"]["generation"]
        has_revision = found["metadata"].get("annotations", {}).get(_REVISION) == str(revision)
        return found if is_done and is_observed and has_revision else None

    return dict(eventually(find))


def test_only_users_raise_the_generation(home: Home) -> None:
    """The revision that the controller notes on the deployment is not a change of what the user wants."""
    create_deployment(home, "web")
    assert wait_for_revision(home, "web", 1)["metadata"]["generation"] == 1
    template = {"metadata": {"annotations": {"version": "2"}}}
    home.merge("deployments", "web", {"spec": {"template": template}})
    assert wait_for_revision(home, "web", 2)["metadata"]["generation"] == 2


def test_a_name_that_another_template_has_counts_as_a_collision(home: Home) -> None:
    """The replica set's template is changed, so that the deployment's is without one and its name is taken."""
    create_deployment(home, "web")
    wait_for_revision(home, "web", 1)
    (first,) = home.list("replicasets")
    grace = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}
    home.merge("replicasets", first["metadata"]["name"], grace)
    eventually(lambda: home.get("deployments", "web")["status"].get("collisionCount") == 1)
    wait_for_revision(home, "web", 2)
    sizes = {each["metadata"]["name"]: each["spec"]["replicas"] for each in home.list("replicasets")}
    assert sizes.pop(first["metadata"]["name"]) == 0
    assert list(sizes.values()) == [1]
