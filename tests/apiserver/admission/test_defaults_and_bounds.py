"""Limit ranges, priority classes, service accounts and placement: what pods are given and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.admission.conftest import Space, eventually, new_space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import Answer, ApiServer, running
from tests.builders.pods import build_pod

CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    flags = ("--default-not-ready-toleration-seconds=30", "--default-unreachable-toleration-seconds=40")
    with (
        running(tmp_path_factory.mktemp("server"), *flags) as (_, started),
        controllers(started, "serviceaccount-controller"),
    ):
        yield started


def refused(answer: Answer) -> str:
    assert answer.status == 403, answer.body
    return str(answer.json["message"])


def limit_range(space: Space, *items: dict[str, Any], name: str = "limits") -> None:
    space.made(
        "limitranges", {"metadata": {"name": name, "labels": {"of": "test"}}, "spec": {"limits": list(items)}}
    )


def resources(made: Any) -> Any:
    return made["spec"]["containers"][0]["resources"]


@pytest.mark.entry(
    "LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied."
)
def test_a_limit_range_with_defaults_is_applied_to_pods(space: Space) -> None:
    """Defaults, bounds, an update of the bounds, the deletion."""
    item = {
        "type": "Container",
        "min": {"cpu": "50m", "memory": "100Mi"},
        "max": {"cpu": "500m", "memory": "500Mi"},
        "default": {"cpu": "500m", "memory": "500Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "200Mi"},
    }
    limit_range(space, item)
    made = space.made("pods", build_pod("none"))
    assert resources(made) == {
        "limits": {"cpu": "500m", "memory": "500Mi"}, "requests": {"cpu": "100m", "memory": "200Mi"},
    }  # fmt: skip
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c"
    )
    part = space.made("pods", build_pod("part", requests={"cpu": "300m"}, limits={"memory": "300Mi"}))
    assert resources(part) == {
        "limits": {"cpu": "500m", "memory": "300Mi"}, "requests": {"cpu": "300m", "memory": "300Mi"},
    }  # fmt: skip
    small = refused(space.create("pods", build_pod("small", requests={"cpu": "10m"})))
    assert small == 'pods "small" is forbidden: minimum cpu usage per Container is 50m, but request is 10m'
    large = refused(space.create("pods", build_pod("large", limits={"memory": "600Mi"})))
    assert (
        large == 'pods "large" is forbidden: maximum memory usage per Container is 500Mi, but limit is 600Mi'
    )
    item["min"] = {"cpu": "9m", "memory": "100Mi"}
    assert space.patch("limitranges", "limits", {"spec": {"limits": [item]}}).status == 200
    assert eventually(lambda: space.create("pods", build_pod("small", requests={"cpu": "10m"})).status == 201)
    space.delete("limitranges", "limits", "")
    assert eventually(
        lambda: space.create("pods", build_pod("large", limits={"memory": "600Mi"})).status == 201
    )


@pytest.mark.entry("LimitRange should list, patch and delete a LimitRange by collection")
def test_limit_ranges_are_listed_patched_and_deleted_by_collection(server: ApiServer, space: Space) -> None:
    limit_range(space, {"type": "Container", "max": {"cpu": "1"}})
    other = new_space(server)
    limit_range(other, {"type": "Container", "max": {"cpu": "1"}})
    listed = server.get("/api/v1/limitranges?labelSelector=of=test").json["items"]
    assert {space.name, other.name} <= {item["metadata"]["namespace"] for item in listed}
    change = {"metadata": {"labels": {"limits": "patched"}}}
    assert space.patch("limitranges", "limits", change).json["metadata"]["labels"]["limits"] == "patched"
    server.ask("DELETE", space.path("limitranges") + "?labelSelector=limits=patched")
    assert server.get(space.path("limitranges")).json["items"] == []
    assert len(server.get(other.path("limitranges")).json["items"]) == 1


def test_sums_ratios_and_claims_are_bounded(space: Space) -> None:
    limit_range(
        space,
        {"type": "Pod", "max": {"cpu": "1"}},
        {"type": "Container", "maxLimitRequestRatio": {"memory": "2"}},
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}},
    )
    asked = {"requests": {"memory": "1Gi"}, "limits": {"cpu": "600m", "memory": "2Gi"}}
    two = [{"name": name, "image": "i", "resources": asked} for name in ("a", "b")]
    message = refused(space.create("pods", build_pod("sum", containers=two)))
    assert message.endswith("maximum cpu usage per Pod is 1, but limit is 1200m")
    wide: dict[str, Any] = {"requests": {"memory": "1Gi"}, "limits": {"cpu": "1", "memory": "3Gi"}}
    message = refused(space.create("pods", build_pod("ratio", **wide)))
    text = "memory max limit to request ratio per Container is 2, but provided ratio is 3.000000"
    assert message.endswith(text)
    for size, words in (
        ("500Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi"),
        ("3Gi", "maximum"),
    ):
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
        answer = space.create("persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": spec})
        assert words in refused(answer)


@pytest.mark.entry(
    "SchedulerPreemption PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods"
)
def test_priority_class_endpoints(server: ApiServer) -> None:
    """Values are immutable, descriptions are not."""
    for name, value in (("p1", 1), ("p2", 2)):
        made = {"metadata": {"name": name}, "value": value}
        assert server.post(CLASSES, made).json["preemptionPolicy"] == "PreemptLowerPriority"
    found = server.get(f"{CLASSES}/p1").json
    assert server.ask("PUT", f"{CLASSES}/p1", found | {"value": 20}).status == 422
    assert server.ask("PUT", f"{CLASSES}/p1", found | {"description": "changed"}).status == 200
    change = {"value": 30}
    answer = server.ask("PATCH", f"{CLASSES}/p2", change, content_type=MERGE)
    assert answer.status == 422
    assert "value: Forbidden: may not be changed in an update" in answer.json["message"]
    assert {"p1", "p2"} <= {item["metadata"]["name"] for item in server.get(CLASSES).json["items"]}
    assert server.ask("DELETE", f"{CLASSES}/p2").status == 200


def test_a_pods_priority_is_that_of_its_class(server: ApiServer, space: Space) -> None:
    server.post(CLASSES, {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"})
    made = space.made("pods", build_pod("a", priorityClassName="high"))["spec"]
    assert (made["priority"], made["preemptionPolicy"]) == (1000, "Never")
    made = space.made("pods", build_pod("b"))["spec"]
    assert (made["priority"], made["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert refused(space.create("pods", build_pod("c", priority=5))) == (
        'pods "c" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority '
        "admission controller computed 0 from the given PriorityClass name"
    )
    wrong = build_pod("d", priorityClassName="high", preemptionPolicy="PreemptLowerPriority")
    assert "the string value of PreemptionPolicy (PreemptLowerPriority)" in refused(
        space.create("pods", wrong)
    )
    assert "no PriorityClass with name none was found" in refused(
        space.create("pods", build_pod("e", priorityClassName="none"))
    )


def test_only_one_priority_class_is_the_default(server: ApiServer) -> None:
    first = {"metadata": {"name": "default-one"}, "value": 3, "globalDefault": True}
    assert server.post(CLASSES, first).status == 201
    message = refused(server.post(CLASSES, first | {"metadata": {"name": "default-two"}}))
    assert message.endswith(
        "PriorityClass default-one is already marked as default. Only one default can exist"
    )
    assert server.ask("DELETE", f"{CLASSES}/default-one").status == 200


def test_tolerations_last_as_long_as_the_flags_say(space: Space) -> None:
    found = {
        each["key"]: each["tolerationSeconds"]
        for each in space.made("pods", build_pod())["spec"]["tolerations"]
    }
    assert found == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 40}


def test_an_account_can_allow_only_its_own_secrets(space: Space) -> None:
    annotations = {"kubernetes.io/enforce-mountable-secrets": "true"}
    account = {"metadata": {"name": "tight", "annotations": annotations}, "secrets": [{"name": "mine"}]}
    space.made("serviceaccounts", account)
    volumes = [{"name": "v", "secret": {"secretName": "other"}}]
    answer = eventually(
        lambda: space.create("pods", build_pod("a", serviceAccountName="tight", volumes=volumes))
    )
    assert refused(answer).endswith(
        'volume with secret.secretName="other" is not allowed because service account tight does not reference '
        "that secret"
    )
    volumes[0]["secret"] = {"secretName": "mine"}
    assert space.create("pods", build_pod("a", serviceAccountName="tight", volumes=volumes)).status == 201


def test_a_mirror_pod_has_no_account_and_no_secrets(space: Space) -> None:
    mirror = build_pod("m", serviceAccountName="default")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert "a mirror pod may not reference service accounts" in refused(space.create("pods", mirror))


def test_a_pod_gets_the_zone_of_its_node(server: ApiServer, space: Space) -> None:
    labels = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "other": "x"}
    server.post("/api/v1/nodes", {"metadata": {"name": "zoned", "labels": labels}})
    space.made("pods", build_pod("bound"))
    target = {"metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "zoned"}}
    assert server.post(space.path("pods", "bound") + "/binding", target).status == 201
    found = space.get("pods", "bound")["metadata"]["labels"]
    assert found == {key: labels[key] for key in labels if key != "other"}


def test_a_pod_is_not_resized_beyond_its_node(server: ApiServer, space: Space) -> None:
    amounts = {"cpu": "1", "memory": "1Gi", "pods": "10"}
    server.post("/api/v1/nodes", {"metadata": {"name": "small"}, "status": {"allocatable": amounts}})
    space.made("pods", build_pod("r", requests={"cpu": "100m"}, limits={"cpu": "4"}, nodeName="small"))
    change = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]}}
    strategic = "application/strategic-merge-patch+json"
    answer = server.ask("PATCH", space.path("pods", "r") + "/resize", change, content_type=strategic)
    assert refused(answer).endswith(
        "node didn't have enough allocatable resources: cpu, requested: 2000, allocatable: 1000"
    )


def test_a_pod_is_not_resized_as_its_kubelet_does_not_know(server: ApiServer, space: Space) -> None:
    node = f"node-{space.name}"
    assert server.post("/api/v1/nodes", {"metadata": {"name": node}}).status == 201
    room = {"cpu": "8", "memory": "8Gi"}
    path = f"/api/v1/nodes/{node}/status"
    server.ask("PATCH", path, {"status": {"allocatable": room, "capacity": room}}, content_type=MERGE)
    small, large = {"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}
    obj = build_pod("both", nodeName=node, resources=small)
    obj["spec"]["initContainers"] = [{"name": "i", "image": "i", "resources": small}]
    space.made("pods", obj)
    resize = space.path("pods", "both/resize")
    strategic = "application/strategic-merge-patch+json"
    whole: dict[str, Any] = {"spec": {"resources": large}}
    first = {"spec": {"initContainers": [{"name": "i", "resources": large}]}}
    names = ("InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers")
    for patch, missing in ((whole, names[:1]), ({"spec": whole["spec"] | first["spec"]}, names)):
        text = f'requires features {", ".join(missing)} which are not available on node "{node}"'
        assert text in refused(server.ask("PATCH", resize, patch, content_type=strategic))
    server.ask("PATCH", path, {"status": {"declaredFeatures": [names[0]]}}, content_type=MERGE)
    eventually(lambda: server.ask("PATCH", resize, whole, content_type=strategic).status == 200)


def test_limited_resources_need_a_quota(tmp_path: Path) -> None:
    limited = [
        {"resource": "persistentvolumeclaims", "matchContains": ["gold.storageclass"]},
        {
            "resource": "pods",
            "matchScopes": [
                {"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}
            ],
        },
    ]
    configuration = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "ResourceQuotaConfiguration",
        "limitedResources": limited,
    }
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "ResourceQuota", "configuration": configuration}],
    }
    file = tmp_path / "admission.json"
    file.write_text(json.dumps(document))
    with running(tmp_path, f"--admission-control-config-file={file}") as (_, one):
        one.post("/api/v1/namespaces", {"metadata": {"name": "limited"}})
        space = Space(one, "limited")
        space.made("serviceaccounts", {"metadata": {"name": "default"}})
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "gold",
        }
        claim = {"metadata": {"name": "c"}, "spec": spec}
        assert refused(space.create("persistentvolumeclaims", claim)).endswith(
            "insufficient quota to consume: gold.storageclass.storage.k8s.io/persistentvolumeclaims,"
            "gold.storageclass.storage.k8s.io/requests.storage"
        )
        critical = space.create("pods", build_pod(priorityClassName="system-node-critical"))
        assert critical.json["message"].endswith(
            "insufficient quota to match these scopes: [{PriorityClass In [system-node-critical]}]"
        )
        assert space.create("pods", build_pod()).status == 201
