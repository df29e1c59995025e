"""Resource claims of pods: generation from templates, reservations, the end of allocations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer

CLAIMS = "resource.k8s.io/v1/resourceclaims"
TEMPLATES = "resource.k8s.io/v1/resourceclaimtemplates"
FINALIZER = "resource.kubernetes.io/delete-protection"
CLAIM_SPEC = {
    "devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]},
}
RESULT = {"request": "gpu", "driver": "gpu.example.com", "pool": "n1", "device": "gpu-0"}


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, "resource-claim-controller"):
        yield


def create_template(space: Space, name: str = "gpu") -> None:
    spec = {"metadata": {"labels": {"from": "template"}}, "spec": CLAIM_SPEC}
    space.create(TEMPLATES, {"metadata": {"name": name}, "spec": spec})


def create_user(space: Space, name: str, node: str = "", **claim: str) -> JsonObject:
    return space.create_pod(name, node, resourceClaims=[{"name": "device", **claim}])


def wait_for_generated_claim(space: Space, pod: str) -> JsonObject:
    def find() -> str | None:
        statuses = space.get("pods", pod)["status"].get("resourceClaimStatuses", [])
        return next((each["resourceClaimName"] for each in statuses if each["name"] == "device"), None)

    return space.get(CLAIMS, str(eventually(find)))


def allocate(space: Space, name: str, *consumers: JsonObject) -> None:
    """What the scheduler does."""
    merge(space.server, space.path(CLAIMS, name), {"metadata": {"finalizers": [FINALIZER]}})
    reserved = [
        {"resource": "pods", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        for pod in consumers
    ]
    space.set_status(
        CLAIMS, name, {"allocation": {"devices": {"results": [RESULT]}}, "reservedFor": reserved}
    )


def list_users(space: Space, name: str) -> list[str]:
    return [each["name"] for each in space.get(CLAIMS, name).get("status", {}).get("reservedFor", [])]


def test_a_pod_gets_a_claim_from_its_template(space: Space) -> None:
    create_template(space)
    pod = create_user(space, "user", resourceClaimTemplateName="gpu")
    claim = wait_for_generated_claim(space, "user")
    metadata = claim["metadata"]
    assert metadata["name"].startswith("user-device-")
    assert metadata["labels"] == {"from": "template"}
    assert metadata["annotations"] == {"resource.kubernetes.io/pod-claim-name": "device"}
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "user",
            "uid": pod["metadata"]["uid"],
            "controller": True,
        }
    ]
    request = claim["spec"]["devices"]["requests"][0]
    assert request["exactly"]["deviceClassName"] == "gpu.example.com"


def test_a_pod_waits_for_its_template(space: Space) -> None:
    create_user(space, "user", resourceClaimTemplateName="gpu")
    message = space.wait_for_event("user", "FailedResourceClaimCreation")
    assert message == (
        'PodResourceClaim device: resource claim template "gpu": '
        'resourceclaimtemplate.resource.k8s.io "gpu" not found'
    )
    create_template(space)
    wait_for_generated_claim(space, "user")


def test_a_generated_claim_that_somebody_deletes_is_made_again(space: Space) -> None:
    create_template(space)
    create_user(space, "user", resourceClaimTemplateName="gpu")
    first = wait_for_generated_claim(space, "user")["metadata"]["name"]
    space.delete(CLAIMS, first)

    def is_replaced() -> bool:
        statuses = space.get("pods", "user")["status"]["resourceClaimStatuses"]
        return len(statuses) == 1 and statuses[0]["resourceClaimName"] != first

    eventually(is_replaced)


def test_the_claim_of_a_finished_pod_is_deleted(space: Space) -> None:
    create_template(space)
    pod = create_user(space, "user", "n1", resourceClaimTemplateName="gpu")
    name = wait_for_generated_claim(space, "user")["metadata"]["name"]
    allocate(space, name, pod)
    space.set_status("pods", "user", {"phase": "Succeeded"})
    eventually(lambda: not space.exists(CLAIMS, name))


def test_a_claim_is_reserved_for_a_pod_that_skips_the_scheduler(space: Space) -> None:
    space.create(CLAIMS, {"metadata": {"name": "gpu"}, "spec": CLAIM_SPEC})
    first = create_user(space, "first", "n1", resourceClaimName="gpu")
    allocate(space, "gpu", first)
    create_user(space, "second", "n1", resourceClaimName="gpu")
    eventually(lambda: list_users(space, "gpu") == ["first", "second"])


def test_the_allocation_ends_with_the_last_user(space: Space) -> None:
    space.create(CLAIMS, {"metadata": {"name": "gpu"}, "spec": CLAIM_SPEC})
    pods = [create_user(space, name, "n1", resourceClaimName="gpu") for name in ("a", "b")]
    allocate(space, "gpu", *pods)
    space.delete("pods", "a")
    eventually(lambda: list_users(space, "gpu") == ["b"])
    assert space.get(CLAIMS, "gpu")["status"]["allocation"]
    space.delete("pods", "b")
    eventually(lambda: not list_users(space, "gpu"))
    eventually(lambda: "finalizers" not in space.get(CLAIMS, "gpu")["metadata"])
    assert "allocation" not in space.get(CLAIMS, "gpu").get("status", {})


def test_a_deleted_claim_without_users_is_deallocated_and_removed(space: Space) -> None:
    space.create(CLAIMS, {"metadata": {"name": "gpu"}, "spec": CLAIM_SPEC})
    allocate(space, "gpu")
    space.delete(CLAIMS, "gpu")
    eventually(lambda: not space.exists(CLAIMS, "gpu"))
