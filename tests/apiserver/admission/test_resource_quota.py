"""Resource quotas, by the conformance suite's entries: charged at once, given back when things go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.admission.conftest import Space, eventually
from tests.apiserver.servers import Answer
from tests.builders.claims import build_claim, build_device_claim
from tests.builders.pods import build_pod

SERVICE: dict[str, Any] = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}


def refused(answer: Answer) -> str:
    assert answer.status == 403, answer.body
    assert answer.json["reason"] == "Forbidden"
    return str(answer.json["message"])


@pytest.mark.entry(
    "ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated."
)
def test_a_quota_and_its_status_are_promptly_calculated(space: Space) -> None:
    space.quota("q", {"resourcequotas": "1", "count/resourcequotas": "1"})
    assert eventually(lambda: space.used("q") == {"resourcequotas": "1", "count/resourcequotas": "1"})
    second = {"metadata": {"name": "second"}, "spec": {"hard": {"pods": "1"}}}
    assert refused(space.create("resourcequotas", second)) == (
        'resourcequotas "second" is forbidden: exceeded quota: q, requested: '
        "count/resourcequotas=1,resourcequotas=1, used: count/resourcequotas=1,resourcequotas=1, "
        "limited: count/resourcequotas=1,resourcequotas=1"
    )


@pytest.mark.parametrize(
    ("kind", "name", "obj"),
    [
        ("configmaps", "configmaps", {"metadata": {"name": "a"}}),
        ("secrets", "secrets", {"metadata": {"name": "a"}}),
        (
            "replicationcontrollers",
            "replicationcontrollers",
            {
                "metadata": {"name": "a"},
                "spec": {
                    "replicas": 0,
                    "selector": {"a": "b"},
                    "template": {"metadata": {"labels": {"a": "b"}}} | {"spec": build_pod()["spec"]},
                },
            },
        ),
        (
            "apps/v1/replicasets",
            "count/replicasets.apps",
            {
                "metadata": {"name": "a"},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b"}}} | {"spec": build_pod()["spec"]},
                },
            },
        ),
        ("coordination.k8s.io/v1/leases", "count/leases.coordination.k8s.io", {"metadata": {"name": "a"}}),
    ],
)
@pytest.mark.entry("ResourceQuota should create a ResourceQuota and capture the life of a configMap.")
@pytest.mark.entry("ResourceQuota should create a ResourceQuota and capture the life of a secret.")
@pytest.mark.entry(
    "ResourceQuota should create a ResourceQuota and capture the life of a replication controller."
)
@pytest.mark.entry("ResourceQuota should create a ResourceQuota and capture the life of a replica set.")
def test_the_life_of_a_counted_object(space: Space, kind: str, name: str, obj: dict[str, Any]) -> None:
    space.quota("q", {name: "1"})
    before = space.used("q")[name]
    assert before == "0"
    space.made(kind, obj)
    assert space.used("q") == {name: "1"}
    message = refused(space.create(kind, obj | {"metadata": {"name": "b"}}))
    assert f"exceeded quota: q, requested: {name}=1, used: {name}=1, limited: {name}=1" in message
    space.delete(kind, "a", "?propagationPolicy=Background")
    assert eventually(lambda: space.used("q") == {name: "0"})


@pytest.mark.entry("ResourceQuota should create a ResourceQuota and capture the life of a service.")
def test_the_life_of_a_service(space: Space) -> None:
    hard = {"services": "3", "services.nodeports": "1", "services.loadbalancers": "1", "count/services": "3"}
    space.quota("q", hard)
    space.made("services", SERVICE)
    node_port = {"metadata": {"name": "n"}, "spec": SERVICE["spec"] | {"type": "NodePort"}}
    space.made("services", node_port)
    balancer = {"metadata": {"name": "l"}, "spec": SERVICE["spec"] | {"type": "LoadBalancer"}}
    message = refused(space.create("services", balancer))
    assert (
        "requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1"
        in message
    )
    balancer["spec"] = balancer["spec"] | {"allocateLoadBalancerNodePorts": False}
    space.made("services", balancer)
    assert space.used("q") == {
        "services": "3", "services.nodeports": "1", "services.loadbalancers": "1", "count/services": "3",
    }  # fmt: skip
    assert "exceeded quota: q" in refused(space.create("services", SERVICE | {"metadata": {"name": "x"}}))
    for name in ("s", "n", "l"):
        space.delete("services", name)
    assert eventually(lambda: set(space.used("q").values()) == {"0"})


def test_a_service_that_changes_its_type_is_charged(space: Space) -> None:
    space.quota("q", {"services.nodeports": "0"})
    space.made("services", SERVICE)
    answer = space.patch("services", "s", {"spec": {"type": "NodePort"}})
    assert "exceeded quota: q, requested: services.nodeports=1" in refused(answer)


@pytest.mark.entry("ResourceQuota should create a ResourceQuota and capture the life of a pod.")
def test_the_life_of_a_pod(space: Space) -> None:
    hard = {"pods": "5", "requests.cpu": "1", "memory": "500Mi", "requests.example.com/gpu": "1"}
    space.quota("q", hard)
    asked = {"cpu": "500m", "memory": "252Mi", "example.com/gpu": "1"}
    space.made("pods", build_pod("a", requests=asked, limits={"example.com/gpu": "1"}))
    assert space.used("q") == {
        "pods": "1", "requests.cpu": "500m", "memory": "252Mi", "requests.example.com/gpu": "1",
    }  # fmt: skip
    message = refused(space.create("pods", build_pod("b", requests={"cpu": "600m", "memory": "100Mi"})))
    assert message == (
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=500m, '
        "limited: requests.cpu=1"
    )
    message = refused(space.create("pods", build_pod("b", requests={"memory": "1Mi"})))
    assert message == 'pods "b" is forbidden: failed quota: q: must specify requests.cpu for: c'
    message = refused(space.create("pods", build_pod("b")))
    assert message.endswith("failed quota: q: must specify memory for: c; requests.cpu for: c")
    second = asked | {"cpu": "1m", "memory": "1Mi"}
    message = refused(space.create("pods", build_pod("b", requests=second, limits={"example.com/gpu": "1"})))
    assert "requested: requests.example.com/gpu=1" in message
    assert space.patch("pods", "a", {"metadata": {"labels": {"x": "y"}}}).status == 200
    assert space.used("q")["pods"] == "1"
    space.delete("pods", "a")
    assert eventually(lambda: set(space.used("q").values()) == {"0"})


def test_a_pod_that_has_ended_is_given_back(space: Space) -> None:
    space.quota("q", {"pods": "1", "count/pods": "2"})
    space.made("pods", build_pod("a"))
    assert space.patch("pods", "a", {"status": {"phase": "Succeeded"}}, "status").status == 200
    assert eventually(lambda: space.used("q") == {"pods": "0", "count/pods": "1"})
    space.made("pods", build_pod("b"))
    assert "requested: count/pods=1,pods=1" in refused(space.create("pods", build_pod("c")))


@pytest.mark.entry("ResourceQuota should verify ResourceQuota with terminating scopes.")
def test_terminating_scopes(space: Space) -> None:
    for name, scope in (("terminating", "Terminating"), ("lasting", "NotTerminating")):
        space.quota(name, {"pods": "5"}, scopes=[scope])
    space.made("pods", build_pod("lasting"))
    space.made("pods", build_pod("ending", activeDeadlineSeconds=3600))
    assert (space.used("terminating"), space.used("lasting")) == ({"pods": "1"}, {"pods": "1"})
    # A deadline that comes later moves the pod from one quota to the other.
    assert space.patch("pods", "lasting", {"spec": {"activeDeadlineSeconds": 60}}).status == 200
    assert space.used("terminating") == {"pods": "2"}
    assert eventually(lambda: space.used("lasting") == {"pods": "0"})


@pytest.mark.entry("ResourceQuota should verify ResourceQuota with best effort scope.")
def test_best_effort_scopes(space: Space) -> None:
    space.quota("best", {"pods": "5"}, scopes=["BestEffort"])
    space.quota("other", {"pods": "5"}, scopes=["NotBestEffort"])
    space.made("pods", build_pod("best"))
    space.made("pods", build_pod("other", requests={"cpu": "1m"}, limits={"cpu": "2m"}))
    assert (space.used("best"), space.used("other")) == ({"pods": "1"}, {"pods": "1"})


def test_priority_class_and_affinity_scopes(space: Space) -> None:
    term = {"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}
    space.quota("critical", {"pods": "0"}, scopeSelector={"matchExpressions": [term]})
    across = {"scopeName": "CrossNamespacePodAffinity", "operator": "Exists"}
    space.quota("across", {"pods": "0"}, scopeSelector={"matchExpressions": [across]})
    space.made("pods", build_pod("plain"))
    message = refused(space.create("pods", build_pod("b", priorityClassName="system-node-critical")))
    assert "exceeded quota: critical, requested: pods=1, used: pods=0, limited: pods=0" in message
    terms = [{"topologyKey": "zone", "namespaceSelector": {}, "labelSelector": {"matchLabels": {"a": "b"}}}]
    rules = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    assert "exceeded quota: across" in refused(
        space.create("pods", build_pod("c", affinity={"podAffinity": rules}))
    )


def test_claims_are_charged_by_size_and_class(space: Space) -> None:
    hard = {
        "persistentvolumeclaims": "2",
        "requests.storage": "10Gi",
        "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
    }
    space.quota("q", hard)

    assert "requested: gold.storageclass.storage.k8s.io/requests.storage=2Gi" in refused(
        space.create("persistentvolumeclaims", build_claim("a", "2Gi", storageClassName="gold"))
    )
    space.made("persistentvolumeclaims", build_claim("a", "1Gi", storageClassName="gold"))
    space.made("persistentvolumeclaims", build_claim("b", "3Gi", storageClassName="slow"))
    assert space.used("q") == {
        "persistentvolumeclaims": "2",
        "requests.storage": "4Gi",
        "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
    }


def test_devices_of_resource_claims_are_charged(space: Space) -> None:
    space.quota(
        "q", {"gpu.deviceclass.resource.k8s.io/devices": "3", "count/resourceclaims.resource.k8s.io": "5"}
    )

    space.made(
        "resource.k8s.io/v1/resourceclaims", build_device_claim("a", allocationMode="ExactCount", count=2)
    )
    answer = space.create(
        "resource.k8s.io/v1/resourceclaims", build_device_claim("b", allocationMode="ExactCount", count=2)
    )
    assert "requested: gpu.deviceclass.resource.k8s.io/devices=2, used:" in refused(answer)
    assert space.used("q")["count/resourceclaims.resource.k8s.io"] == "1"


def test_a_dry_run_is_refused_but_never_charged(space: Space) -> None:
    space.quota("q", {"configmaps": "1"})
    assert space.create("configmaps", {"metadata": {"name": "a"}}, query="?dryRun=All").status == 201
    assert space.used("q") == {"configmaps": "0"}
    space.made("configmaps", {"metadata": {"name": "a"}})
    answer = space.create("configmaps", {"metadata": {"name": "b"}}, query="?dryRun=All")
    assert "exceeded quota: q" in refused(answer)


@pytest.mark.entry("ResourceQuota should be able to update and delete ResourceQuota.")
def test_a_quota_that_is_changed_and_deleted(space: Space) -> None:
    space.quota("q", {"configmaps": "1"})
    space.made("configmaps", {"metadata": {"name": "a"}})
    assert space.patch("resourcequotas", "q", {"spec": {"hard": {"configmaps": "2"}}}).status == 200
    assert eventually(lambda: space.get("resourcequotas", "q")["status"]["hard"] == {"configmaps": "2"})
    space.made("configmaps", {"metadata": {"name": "b"}})
    assert space.create("configmaps", {"metadata": {"name": "c"}}).status == 403
    space.delete("resourcequotas", "q", "")
    eventually(lambda: space.create("configmaps", {"metadata": {"name": "c"}}).status == 201)


@pytest.mark.entry("ResourceQuota should apply changes to a resourcequota status")
def test_changes_to_the_status_of_a_quota_are_applied(space: Space) -> None:
    space.quota("q", {"configmaps": "1"})
    change = {"status": {"hard": {"configmaps": "7"}}}
    assert space.patch("resourcequotas", "q", change, "status").json["status"]["hard"] == {"configmaps": "7"}
