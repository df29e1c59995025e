"""Deployments, replica sets and their pods over a server, from the write to the rest."""

from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from tests.builders.workloads import build_deployment

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "i:1"}]},
}
# What the API server sets.
DEFAULTS: dict[str, Any] = {
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
}


def make_deployment(replicas: int, **spec: Any) -> JsonObject:
    return build_deployment(replicas=replicas, template=TEMPLATE, **DEFAULTS | spec)


async def make_ready(api: Any) -> None:
    """What kubelets would do."""
    for pod in api.list("pods"):
        if not pod.get("status"):
            condition = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            status = {"phase": "Running", "conditions": [condition]}
            await api.change("pods", pod["metadata"]["name"], {"status": status})


async def settle(api: Any, image: str, replicas: int) -> None:
    """Ready pods as they come, until the rollout of the image is complete."""
    while True:
        await make_ready(api)
        status = api.get("deployments", "web").get("status", {})
        images = [pod["spec"]["containers"][0]["image"] for pod in api.list("pods")]
        complete = status.get("updatedReplicas") == status.get("availableReplicas") == replicas
        if complete and images == [image] * replicas:
            return
        seen = api.version
        await api.until(lambda seen=seen: api.version > seen)


async def test_a_deployment_becomes_pods_and_says_so(api: Any, start: Any) -> None:
    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(3))
    await settle(api, "i:1", 3)
    (rs,) = api.list("replicasets")
    digest = rs["metadata"]["labels"]["pod-template-hash"]
    assert rs["metadata"]["name"] == f"web-{digest}"
    assert rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    pod = api.list("pods")[0]
    assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
    assert pod["metadata"]["ownerReferences"][0]["uid"] == rs["metadata"]["uid"]

    def progressed() -> bool:
        conditions = api.get("deployments", "web")["status"].get("conditions", [])
        found = {entry["type"]: entry["reason"] for entry in conditions}
        return found == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}

    await api.until(progressed)
    assert api.get("deployments", "web")["status"]["observedGeneration"] == 1


async def test_a_new_template_rolls_without_losing_availability_and_back(api: Any, start: Any) -> None:
    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(4))
    await settle(api, "i:1", 4)
    await api.change(
        "deployments",
        "web",
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}},
    )
    await settle(api, "i:2", 4)
    ready = [
        sum(bool(obj.get("status")) for obj in after.values())
        for after in pods_over_time(api)
        if len(after) >= 4
    ]
    assert min(ready[ready.index(4) :]) >= 3
    await api.change("deployments", "web", {"spec": {"template": TEMPLATE}})
    await settle(api, "i:1", 4)
    assert len(api.list("replicasets")) == 2

    def revised() -> bool:
        annotations = api.get("deployments", "web")["metadata"].get("annotations", {})
        return bool(annotations.get("deployment.kubernetes.io/revision") == "3")

    await api.until(revised)


def pods_over_time(api: Any) -> list[dict[str, Any]]:
    now: dict[str, Any] = {}
    result = []
    for _, event, kind, obj in api.log:
        if kind == "pods":
            if event == "DELETED":
                now.pop(obj["metadata"]["name"])
            else:
                now[obj["metadata"]["name"]] = obj
            result.append(dict(now))
    return result


async def test_an_annotation_rolls_back(api: Any, start: Any) -> None:
    async def undo(revision: str) -> None:
        metadata = {"annotations": {"deprecated.deployment.rollback.to": revision}}
        await api.change("deployments", "web", {"metadata": metadata})

    def list_events() -> list[tuple[str, str]]:
        return [(each["reason"], each["message"]) for each in api.list("events")]

    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(1))
    await settle(api, "i:1", 1)
    await undo("0")
    message = "Unable to find last revision."
    await api.until(lambda: ("DeploymentRollbackRevisionNotFound", message) in list_events())
    new = {"containers": [{"name": "c", "image": "i:2"}], "hostname": "h"}
    await api.change("deployments", "web", {"spec": {"template": {"spec": new}}})
    await settle(api, "i:2", 1)
    await undo("1")
    await settle(api, "i:1", 1)
    message = 'Rolled back deployment "web" to revision 1'
    await api.until(lambda: ("DeploymentRollback", message) in list_events())
    document = api.get("deployments", "web")
    assert document["spec"]["template"] == TEMPLATE
    assert "deprecated.deployment.rollback.to" not in document["metadata"]["annotations"]
    await undo("3")
    await api.until(lambda: "DeploymentRollbackTemplateUnchanged" in dict(list_events()))


async def test_a_resize_follows(api: Any, start: Any) -> None:
    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(2))
    await settle(api, "i:1", 2)
    await api.change("deployments", "web", {"spec": {"replicas": 5}})
    await settle(api, "i:1", 5)
    await api.change("deployments", "web", {"spec": {"replicas": 0}})
    await api.until(lambda: not api.list("pods"))


async def test_recreate_ends_the_old_before_it_begins_the_new(api: Any, start: Any) -> None:
    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(2, strategy={"type": "Recreate"}))
    await settle(api, "i:1", 2)
    await api.change(
        "deployments",
        "web",
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}},
    )
    await settle(api, "i:2", 2)
    mixed = [
        after
        for after in pods_over_time(api)
        if len({pod["spec"]["containers"][0]["image"] for pod in after.values()}) > 1
    ]
    assert mixed == []


async def test_a_paused_deployment_waits(api: Any, start: Any) -> None:
    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(1, paused=True))

    def told() -> bool:
        conditions = api.get("deployments", "web").get("status", {}).get("conditions", [])
        return any(entry["reason"] == "DeploymentPaused" for entry in conditions)

    await api.until(told)
    assert api.list("replicasets") == []
    await api.change("deployments", "web", {"spec": {"paused": None}})
    await settle(api, "i:1", 1)


async def test_a_complete_deployment_that_is_paused_stays_paused(api: Any, start: Any) -> None:
    await start("deployment-controller", "replicaset-controller")
    await api.create("deployments", make_deployment(2))
    await settle(api, "i:1", 2)
    await api.until(lambda: "NewReplicaSetAvailable" in list_reasons(api))
    await api.change("deployments", "web", {"spec": {"paused": True, "progressDeadlineSeconds": 1}})
    await api.until(lambda: "DeploymentPaused" in list_reasons(api))
    await age_conditions(api)
    await api.change("deployments", "web", {"metadata": {"annotations": {"mark": "later"}}})
    await api.until(lambda: "mark" in api.list("replicasets")[0]["metadata"]["annotations"])
    assert list_reasons(api) == ["MinimumReplicasAvailable", "DeploymentPaused"]


async def age_conditions(api: Any) -> None:
    """Move the times of all conditions into the past, so that a rollout would have timed out."""
    conditions = api.get("deployments", "web")["status"]["conditions"]
    past = {"lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    await api.change("deployments", "web", {"status": {"conditions": [entry | past for entry in conditions]}})


def list_reasons(api: Any) -> list[str]:
    conditions = api.get("deployments", "web").get("status", {}).get("conditions", [])
    return [entry["reason"] for entry in conditions]


async def test_a_lost_pod_is_replaced_and_an_orphan_adopted(api: Any, start: Any) -> None:
    await start("replicaset-controller")
    orphan = {"metadata": {"name": "orphan", "labels": {"app": "web"}}, "spec": TEMPLATE["spec"]}
    await api.create("pods", orphan)
    rs = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
    await api.create("replicasets", {"metadata": {"name": "web"}, "spec": rs})
    await api.until(
        lambda: (
            len(api.list("pods")) == 2 and api.list("replicasets")[0].get("status", {}).get("replicas") == 2
        )
    )
    assert api.get("pods", "orphan")["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    await api.delete(("pods", "default", "orphan"))
    await api.until(lambda: len(api.list("pods")) == 2)


async def test_endpoints_follow_the_pods(api: Any, start: Any) -> None:
    await start("replicaset-controller", "endpointslice-controller", "endpoints-controller")
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    service = {"selector": {"app": "web"}, "ports": ports, "clusterIP": "10.0.0.1", "ipFamilies": ["IPv4"]}
    await api.create("services", {"metadata": {"name": "web"}, "spec": service})
    pod = {
        "metadata": {"name": "p", "labels": {"app": "web"}},
        "spec": {**TEMPLATE["spec"], "nodeName": "n1"},
    }
    await api.create("pods", pod)
    condition = {"type": "Ready", "status": "True"}
    status = {
        "phase": "Running",
        "podIP": "10.1.0.1",
        "podIPs": [{"ip": "10.1.0.1"}],
        "conditions": [condition],
    }
    await api.change("pods", "p", {"status": status})

    def ready() -> bool:
        slices = api.list("endpointslices")
        endpoints = [entry for each in slices for entry in each["endpoints"]]
        return bool(endpoints and endpoints[0]["conditions"]["ready"])

    await api.until(ready)
    await api.until(lambda: any(each.get("subsets") for each in api.list("endpoints")))
    assert api.get("endpoints", "web")["subsets"][0]["addresses"][0]["ip"] == "10.1.0.1"
    await api.change("pods", "p", {"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
    await api.until(lambda: not ready())
    assert len([each for each in api.list("endpointslices") if each["endpoints"]]) == 1
