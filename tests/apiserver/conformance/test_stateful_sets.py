"""Entries about stateful sets. The tests report the pods' status, as a kubelet would."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok, watching
from tests.apiserver.servers import ApiServer

_NO_KUBELET = "kubelet: the test reports the pods' status"
_LABELS = {"app": "web"}
REVISION = "controller-revision-hash"


class StatefulSet:
    """A stateful set `web` in a namespace, and its pods."""

    def __init__(self, server: ApiServer, namespace: str, **spec: object) -> None:
        self.server = server
        self.core = f"/api/v1/namespaces/{namespace}"
        self.collection = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
        self.path = f"{self.collection}/web"
        template = {
            "metadata": {"labels": _LABELS},
            "spec": {"containers": [{"name": "c", "image": "registry.k8s.io/e2e:1"}]},
        }
        whole = {"selector": {"matchLabels": _LABELS}, "serviceName": "test", "template": template} | spec
        ok(server, "POST", self.collection, {"metadata": {"name": "web", "labels": _LABELS}, "spec": whole})

    @property
    def status(self) -> JsonObject:
        status: JsonObject = ok(self.server, "GET", self.path)["status"]
        return status

    @property
    def pods(self) -> dict[str, JsonObject]:
        items = ok(self.server, "GET", f"{self.core}/pods?labelSelector=app=web")["items"]
        return {
            pod["metadata"]["name"]: pod for pod in sorted(items, key=lambda pod: pod["metadata"]["name"])
        }

    @property
    def images(self) -> list[str]:
        return [pod["spec"]["containers"][0]["image"] for pod in self.pods.values()]

    def report(self, name: str, *, ready: bool = True, phase: str = "Running") -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        change = {"status": {"phase": phase, "conditions": [condition]}}
        merge(self.server, f"{self.core}/pods/{name}/status", change)

    def change(self, **spec: object) -> None:
        merge(self.server, self.path, {"spec": spec})

    def change_image(self, image: str) -> None:
        container = [{"name": "c", "image": image}]
        self.change(template={"spec": {"containers": container}})

    def wait_for_pods(self, *names: str) -> None:
        eventually(lambda: list(self.pods) == list(names))

    def make_ready(self, done: Callable[[], bool]) -> None:
        """Report every new pod as ready until there is none and the condition holds."""

        def step() -> bool:
            for name, pod in self.pods.items():
                if pod["status"]["phase"] == "Pending":
                    self.report(name)
            # The set's status may not know yet of a pod that came in the meantime.
            return done() and all(pod["status"]["phase"] != "Pending" for pod in self.pods.values())

        eventually(step)

    def stays(self, *names: str) -> None:
        """The pods are the same after the controller has seen another change of the set."""
        generation = ok(self.server, "GET", self.path)["metadata"]["generation"]
        current = ok(self.server, "GET", self.path)["spec"].get("revisionHistoryLimit", 10)
        self.change(revisionHistoryLimit=current + 1)
        eventually(lambda: self.status.get("observedGeneration", 0) > generation)
        assert list(self.pods) == list(names)


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality "
    "Scaling should happen in predictable order and halt if any stateful pod is unhealthy",
    without=_NO_KUBELET,
)
def test_scaling_should_happen_in_order_and_halt_if_any_pod_is_unhealthy(
    governed: ApiServer, home: str
) -> None:
    ss = StatefulSet(governed, home, replicas=1)
    ss.wait_for_pods("web-0")
    ss.change(replicas=3)
    ss.stays("web-0")
    ss.report("web-0")
    ss.wait_for_pods("web-0", "web-1")
    ss.report("web-1")
    ss.wait_for_pods("web-0", "web-1", "web-2")
    ss.report("web-2")
    eventually(lambda: ss.status.get("availableReplicas") == 3)
    for name in ss.pods:
        ss.report(name, ready=False)
    eventually(lambda: not ss.status.get("readyReplicas"))
    ss.change(replicas=0)
    ss.stays("web-0", "web-1", "web-2")
    path = f"{ss.core}/pods"
    with watching(
        governed, path, resourceVersion=ok(governed, "GET", path)["metadata"]["resourceVersion"]
    ) as watch:
        # The last unhealthy pod may be deleted while its predecessors are well.
        for name in ("web-0", "web-1"):
            ss.report(name)
        deleted: list[str] = []
        while len(deleted) < 3:
            kind, pod = watch.next()
            if kind == "DELETED":
                deleted.append(pod["metadata"]["name"])
    assert deleted == ["web-2", "web-1", "web-0"]
    eventually(lambda: ss.status["replicas"] == 0)


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality "
    "Burst scaling should run to completion even with unhealthy pods",
    without=_NO_KUBELET,
)
def test_burst_scaling_should_run_to_completion_even_with_unhealthy_pods(
    governed: ApiServer, home: str
) -> None:
    ss = StatefulSet(governed, home, replicas=1, podManagementPolicy="Parallel")
    ss.wait_for_pods("web-0")
    ss.change(replicas=3)
    ss.wait_for_pods("web-0", "web-1", "web-2")
    ss.report("web-1", ready=False)
    ss.change(replicas=5)
    ss.wait_for_pods(*(f"web-{number}" for number in range(5)))
    ss.change(replicas=0)
    ss.wait_for_pods()
    eventually(lambda: ss.status["replicas"] == 0)


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality Should recreate evicted statefulset", without=_NO_KUBELET
)
def test_should_recreate_evicted_statefulset(governed: ApiServer, home: str) -> None:
    ss = StatefulSet(governed, home, replicas=1)
    ss.wait_for_pods("web-0")
    first = ss.pods["web-0"]["metadata"]["uid"]
    ss.report("web-0", phase="Failed", ready=False)
    eventually(lambda: first != ss.pods.get("web-0", {"metadata": {"uid": first}})["metadata"]["uid"])


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality should have a working scale subresource", without=_NO_KUBELET
)
def test_should_have_a_working_scale_subresource(governed: ApiServer, home: str) -> None:
    ss = StatefulSet(governed, home, replicas=1)
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 1)
    scale = ok(governed, "GET", f"{ss.path}/scale")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (1, 1)
    scale["spec"]["replicas"] = 2
    scale["metadata"].pop("resourceVersion")
    assert ok(governed, "PUT", f"{ss.path}/scale", scale)["spec"]["replicas"] == 2
    assert ok(governed, "GET", ss.path)["spec"]["replicas"] == 2
    assert merge(governed, f"{ss.path}/scale", {"spec": {"replicas": 4}})["spec"]["replicas"] == 4
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 4)


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality should list, patch and delete a collection of StatefulSets",
    without=_NO_KUBELET,
)
def test_should_list_patch_and_delete_a_collection(governed: ApiServer, home: str) -> None:
    ss = StatefulSet(governed, home, replicas=1)
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 1)
    listed = ok(governed, "GET", f"{ss.collection}?labelSelector=app=web")["items"]
    assert [each["metadata"]["name"] for each in listed] == ["web"]
    change = {"metadata": {"labels": {"patched": "yes"}}, "spec": {"replicas": 2}}
    assert merge(governed, ss.path, change)["spec"]["replicas"] == 2
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 2)
    ok(governed, "DELETE", f"{ss.collection}?labelSelector=patched=yes")
    eventually(lambda: not ok(governed, "GET", ss.collection)["items"])
    ss.wait_for_pods()


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality "
    "should perform canary updates and phased rolling updates of template modifications",
    without=_NO_KUBELET,
)
def test_should_perform_canary_updates_and_phased_rolling_updates(governed: ApiServer, home: str) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
    ss = StatefulSet(governed, home, replicas=3, updateStrategy=strategy)
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 3)
    old, new = "registry.k8s.io/e2e:1", "registry.k8s.io/e2e:2"
    ss.change_image(new)
    eventually(lambda: ss.status["updateRevision"] != ss.status["currentRevision"])
    current, update = ss.status["currentRevision"], ss.status["updateRevision"]
    assert ss.images == [old] * 3

    def set_partition(partition: int) -> None:
        ss.change(updateStrategy={"rollingUpdate": {"partition": partition}})

    set_partition(2)
    ss.make_ready(lambda: ss.images == [old, old, new] and ss.status.get("readyReplicas") == 3)
    assert [pod["metadata"]["labels"][REVISION] for pod in ss.pods.values()] == [current, current, update]
    for name, image in (("web-0", old), ("web-2", new)):
        # A pod that somebody deletes comes back with the revision of its side of the partition.
        uid = ss.pods[name]["metadata"]["uid"]
        ok(governed, "DELETE", f"{ss.core}/pods/{name}")

        def is_replaced(name: str = name, uid: str = uid) -> bool:
            pod = ss.pods.get(name)
            return pod is not None and pod["metadata"]["uid"] != uid and ss.status.get("readyReplicas") == 3

        ss.make_ready(is_replaced)
        assert ss.pods[name]["spec"]["containers"][0]["image"] == image
    set_partition(1)
    ss.make_ready(lambda: ss.images == [old, new, new] and ss.status["readyReplicas"] == 3)
    set_partition(0)
    ss.make_ready(lambda: ss.images == [new, new, new] and ss.status["readyReplicas"] == 3)
    eventually(lambda: ss.status["currentRevision"] == update)


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality "
    "should perform rolling updates and roll backs of template modifications",
    without=_NO_KUBELET,
)
def test_should_perform_rolling_updates_and_roll_backs(governed: ApiServer, home: str) -> None:
    ss = StatefulSet(governed, home, replicas=3)
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 3)
    first = ss.status["currentRevision"]
    assert first == ss.status["updateRevision"]
    ss.change_image("registry.k8s.io/e2e:2")
    ss.make_ready(lambda: ss.images == ["registry.k8s.io/e2e:2"] * 3 and ss.status.get("readyReplicas") == 3)
    eventually(lambda: ss.status["currentRevision"] == ss.status["updateRevision"] != first)
    ss.change_image("registry.k8s.io/e2e:1")
    ss.make_ready(lambda: ss.images == ["registry.k8s.io/e2e:1"] * 3 and ss.status.get("readyReplicas") == 3)
    eventually(lambda: ss.status["currentRevision"] == ss.status["updateRevision"] == first)
    revisions = ok(governed, "GET", ss.collection.replace("statefulsets", "controllerrevisions"))["items"]
    assert sorted(each["revision"] for each in revisions) == [2, 3]


@pytest.mark.entry(
    "StatefulSet Basic StatefulSet functionality should validate Statefulset Status endpoints",
    without=_NO_KUBELET,
)
def test_should_validate_statefulset_status_endpoints(governed: ApiServer, home: str) -> None:
    ss = StatefulSet(governed, home, replicas=1)
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 1)
    version = ok(governed, "GET", ss.path)["metadata"]["resourceVersion"]
    condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from e2e test"}
    with watching(governed, ss.collection, resourceVersion=version) as watch:
        found = ok(governed, "GET", f"{ss.path}/status")
        found["status"]["conditions"] = [condition]
        ok(governed, "PUT", f"{ss.path}/status", found)
        assert watch.until("MODIFIED", "web")["status"]["conditions"][0]["reason"] == "E2E"
        patch = {"status": {"conditions": [condition | {"type": "StatusPatched"}]}}
        merge(governed, f"{ss.path}/status", patch)
        assert watch.until("MODIFIED", "web")["status"]["conditions"][0]["type"] == "StatusPatched"


CLAIM: JsonObject = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def owners(ss: StatefulSet, name: str) -> list[str]:
    claim = ok(ss.server, "GET", f"{ss.core}/persistentvolumeclaims/{name}")
    return [owner["kind"] for owner in claim["metadata"].get("ownerReferences", ())]


def test_each_pod_has_a_claim_of_its_own_that_outlives_it(governed: ApiServer, home: str) -> None:
    ss = StatefulSet(governed, home, replicas=2, volumeClaimTemplates=[CLAIM])
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 2)
    pod = ss.pods["web-1"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}} in pod["spec"]["volumes"]
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-1", "test")
    assert pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    uid = ok(governed, "GET", f"{ss.core}/persistentvolumeclaims/data-web-1")["metadata"]["uid"]
    ss.change(replicas=1)
    ss.wait_for_pods("web-0")
    ss.change(replicas=2)
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 2)
    assert ok(governed, "GET", f"{ss.core}/persistentvolumeclaims/data-web-1")["metadata"]["uid"] == uid
    assert owners(ss, "data-web-1") == []


def test_the_retention_policy_decides_who_owns_the_claims(governed: ApiServer, home: str) -> None:
    policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    ss = StatefulSet(
        governed,
        home,
        replicas=2,
        volumeClaimTemplates=[CLAIM],
        persistentVolumeClaimRetentionPolicy=policy,
    )
    ss.make_ready(lambda: ss.status.get("readyReplicas") == 2)
    eventually(lambda: owners(ss, "data-web-0") == owners(ss, "data-web-1") == ["StatefulSet"])
    ss.change(replicas=1)
    ss.wait_for_pods("web-0")

    def is_marked_for_deletion() -> bool:
        answer = governed.get(f"{ss.core}/persistentvolumeclaims/data-web-1")
        return answer.status == 404 or bool(answer.json["metadata"].get("deletionTimestamp"))

    eventually(is_marked_for_deletion)
    ss.change(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    eventually(lambda: owners(ss, "data-web-0") == [])
