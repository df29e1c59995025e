"""Device claims: admin access by the namespace's label, parts of their status by permission."""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.admission.conftest import Space, eventually
from tests.apiserver.servers import Answer
from tests.builders.claims import build_device_claim

CLAIMS, TEMPLATES = "resource.k8s.io/v1/resourceclaims", "resource.k8s.io/v1/resourceclaimtemplates"
ROLES = "/apis/rbac.authorization.k8s.io/v1"
ALLOCATION = {"devices": {"results": [{"request": "r", "driver": "e.x", "pool": "p", "device": "d"}]}}
DEVICES = [{"driver": "e.x", "pool": "p", "device": "d"}]
NO_ADMIN = (
    "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on "
    "the containing namespace"
)


def causes(answer: Answer) -> list[str]:
    assert answer.status == 422, answer.body
    return [f"{each['field']}: {each['message']}" for each in answer.json["details"]["causes"]]


def allowed(space: Space, name: str, *resources: str, verb: str) -> None:
    """Give bob that verb."""
    rule = {"apiGroups": ["resource.k8s.io"], "resources": list(resources), "verbs": [verb]}
    assert (
        space.server.post(f"{ROLES}/clusterroles", {"metadata": {"name": name}, "rules": [rule]}).status
        == 201
    )
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"}
    binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [user]}
    assert space.server.post(f"{ROLES}/clusterrolebindings", binding).status == 201


def test_admin_access_is_the_namespaces_to_give(space: Space) -> None:
    path = "spec.devices.requests[0].adminAccess"
    asked = build_device_claim("a", adminAccess=True)
    assert causes(space.create(CLAIMS, asked)) == [f"{path}: {NO_ADMIN}"]
    template = {"metadata": {"name": "a"}, "spec": {"spec": asked["spec"]}}
    assert causes(space.create(TEMPLATES, template)) == [f"{path}: {NO_ADMIN}"]
    space.made(CLAIMS, build_device_claim("b"))
    result = ALLOCATION["devices"]["results"][0] | {"adminAccess": True}
    allocation = {"status": {"allocation": {"devices": {"results": [result]}}}}
    path = "status.allocation.devices.results[0].adminAccess"
    assert causes(space.patch(CLAIMS, "b", allocation, "status")) == [f"{path}: {NO_ADMIN}"]
    label = {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
    space.server.ask(
        "PATCH", f"/api/v1/namespaces/{space.name}", label, content_type="application/merge-patch+json"
    )
    assert space.create(CLAIMS, asked).status == 201
    assert space.create(TEMPLATES, template).status == 201
    assert space.patch(CLAIMS, "b", allocation, "status").status == 200


def test_who_may_write_which_part_of_a_status(space: Space) -> None:
    space.made(CLAIMS, build_device_claim("a"))
    allowed(space, f"{space.name}-write", "resourceclaims/status", verb="patch")

    def write(status: JsonObject) -> Answer:
        return space.server.ask(
            "PATCH",
            space.path(CLAIMS, "a") + "/status",
            {"status": status},
            token="bob-token",
            content_type="application/merge-patch+json",
        )

    eventually(lambda: write({}).status == 200)
    assert causes(write({"allocation": ALLOCATION})) == [
        (
            "status.allocation: Forbidden: changing status.allocation or status.reservedFor requires "
            'resource="resourceclaims/binding", verb="patch" permission: resourceclaims.resource.k8s.io is '
            'forbidden: User "bob" cannot patch resource "resourceclaims/binding" in API group "resource.k8s.io" '
            "at the cluster scope"
        )
    ]
    allowed(space, f"{space.name}-bind", "resourceclaims/binding", verb="patch")
    eventually(lambda: write({"allocation": ALLOCATION}).status == 200)
    assert causes(write({"devices": DEVICES})) == [
        (
            'status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", '
            'verb="[arbitrary-node:patch]" permission: resourceclaims.resource.k8s.io "e.x" is forbidden: User '
            '"bob" cannot arbitrary-node:patch resource "resourceclaims/driver" in API group "resource.k8s.io" '
            f'in the namespace "{space.name}"'
        )
    ]
    allowed(space, f"{space.name}-drive", "resourceclaims/driver", verb="arbitrary-node:patch")
    eventually(lambda: write({"devices": DEVICES}).status == 200)


def test_a_status_is_reserved_once_it_is_allocated(space: Space) -> None:
    space.made(CLAIMS, build_device_claim("a"))
    reserved = {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}
    assert causes(space.patch(CLAIMS, "a", {"status": reserved}, "status")) == [
        "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"
    ]
    status = reserved | {"allocation": ALLOCATION, "devices": DEVICES}
    answer = space.patch(CLAIMS, "a", {"status": status}, "status")
    shown = status | {"devices": [DEVICES[0] | {"conditions": None}]}
    assert (answer.status, answer.json["status"]) == (200, shown)
    freed = space.patch(CLAIMS, "a", {"status": {"allocation": None, "reservedFor": None}}, "status")
    assert (freed.status, freed.json["status"]) == (200, {})
