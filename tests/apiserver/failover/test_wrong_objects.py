"""Objects that are wrong on purpose harm only themselves: others make progress, and the process stays small."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import controllers
from tests.apiserver.failover.work import build_set, is_complete
from tests.apiserver.fake_kubelet import fake_kubelet
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.workloads.jobs import build_job

_CONTROLLERS: Final = (
    "deployment",
    "replicaset",
    "job",
    "cronjob",
    "garbagecollector",
    "namespace",
    "statefulset",
    "daemonset",
    "endpointslice",
)
_APPS: Final = "/apis/apps/v1/namespaces/default"
_BATCH: Final = "/apis/batch/v1/namespaces/default"
_CORE: Final = "/api/v1/namespaces/default"
#: A small job takes a second or two without wrong objects. The machine may be slow.
_PROGRESS_SECONDS: Final = 40.0
#: More than this much additional memory would not be bounded by the objects.
_MEMORY_MIB: Final = 150
_MILLION: Final = 1_000_000
_PROBES: Final = 5
#: How much longer a set may take to get its pod than without wrong objects: the machine may be slow.
_LATENCY_FACTOR: Final = 4.0
_LATENCY_SECONDS: Final = 3.0
_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63


@dataclass(frozen=True)
class Cluster:
    server: ApiServer
    #: Number of the controller manager's process.
    process: int

    def create(self, path: str, body: JsonObject) -> JsonObject:
        return ok(self.server, "POST", path, body)

    def get(self, path: str) -> JsonObject:
        return ok(self.server, "GET", path)

    def list_pods(self, **labels: str) -> list[JsonObject]:
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        return list(self.get(f"{_CORE}/pods?labelSelector={selector}")["items"])

    def measure_memory(self) -> int:
        """MiB."""
        status = Path(f"/proc/{self.process}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024

    def measure_latency(self, name: str) -> float:
        """Seconds from the creation of a set until its pod is there. The best of some: the machine may be busy."""
        return min(self._measure_once(f"{name}-{number}") for number in range(_PROBES))

    def _measure_once(self, name: str) -> float:
        start = time.monotonic()
        self.create(f"{_APPS}/replicasets", build_set(name, replicas=1))
        eventually(lambda: self.list_pods(app=name), _PROGRESS_SECONDS)
        return time.monotonic() - start

    def check_progress(self, name: str) -> None:
        """A job and a set that are right still finish."""
        self.create(f"{_BATCH}/jobs", build_job(name, command="exit 0", completions=2))
        self.create(f"{_APPS}/deployments", build_set(name, replicas=2))
        eventually(lambda: is_complete(self.get(f"{_BATCH}/jobs/{name}")), _PROGRESS_SECONDS)
        eventually(
            lambda: self.get(f"{_APPS}/deployments/{name}")["status"].get("availableReplicas") == 2,
            _PROGRESS_SECONDS,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("wrong")
    with (
        running(folder, "--disable-admission-plugins=ServiceAccount") as (_, server),
        fake_kubelet(server),
        controllers(server, *_CONTROLLERS) as process,
    ):
        cluster = Cluster(server, process.pid)
        cluster.check_progress("first")
        yield cluster
        assert process.poll() is None, "the controller manager has ended"


def test_sets_with_the_same_selector_do_not_take_pods_from_each_other(cluster: Cluster) -> None:
    for number in range(2):
        body = build_set("same", replicas=3)
        body["metadata"]["name"] = f"same-{number}"
        cluster.create(f"{_APPS}/replicasets", body)
        cluster.create(f"{_APPS}/deployments", body)
    paths = [f"{_APPS}/{plural}/same-{n}" for plural in ("replicasets", "deployments") for n in range(2)]

    def are_ready() -> bool:
        return all(cluster.get(path)["status"].get("readyReplicas") == 3 for path in paths)

    eventually(are_ready, _PROGRESS_SECONDS)
    cluster.check_progress("beside-same")
    pods = cluster.list_pods(app="same")
    assert len(pods) == 12
    assert len({pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods}) == 4


def test_owners_in_a_circle_and_absent_ones_delay_nothing_else(cluster: Cluster) -> None:
    maps = f"{_CORE}/configmaps"
    first, second = (cluster.create(maps, {"metadata": {"name": f"circle-{n}"}}) for n in range(2))
    for owner, owned in ((first, second), (second, first)):
        reference = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        name = owned["metadata"]["name"]
        merge(cluster.server, f"{maps}/{name}", {"metadata": {"ownerReferences": [reference]}})
    absent = {"apiVersion": "example.com/v1", "kind": "Absent", "name": "a", "uid": "no-such-uid"}
    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "gone-uid"}
    for number in range(100):
        body = {"metadata": {"name": f"absent-{number}", "ownerReferences": [absent]}}
        cluster.create(maps, body)
    cluster.create(maps, {"metadata": {"name": "orphaned", "ownerReferences": [gone]}})
    eventually(lambda: cluster.server.get(f"{maps}/orphaned").status == 404, _PROGRESS_SECONDS)
    ok(cluster.server, "DELETE", f"{maps}/circle-0", {"propagationPolicy": "Foreground"})
    names = ("circle-0", "circle-1")
    eventually(
        lambda: all(cluster.server.get(f"{maps}/{name}").status == 404 for name in names), _PROGRESS_SECONDS
    )
    # Nobody can know that objects of an unknown kind do not exist.
    assert cluster.server.get(f"{maps}/absent-99").status == 200
    cluster.check_progress("beside-circles")


def refer_to(owner: JsonObject, api_version: str, kind: str, **more: Any) -> JsonObject:
    meta = owner["metadata"]
    return {"apiVersion": api_version, "kind": kind, "name": meta["name"], "uid": meta["uid"], **more}


def test_owners_in_a_circle_over_kinds_are_deleted_together(cluster: Cluster) -> None:
    """A config map owns a service account, which owns a deployment that owns the config map."""
    kinds = {
        f"{_CORE}/configmaps": ("v1", "ConfigMap", {"metadata": {"name": "cycle"}}),
        f"{_CORE}/serviceaccounts": ("v1", "ServiceAccount", {"metadata": {"name": "cycle"}}),
        f"{_APPS}/deployments": ("apps/v1", "Deployment", build_set("cycle", replicas=1)),
    }
    created = [(path, *kind[:2], cluster.create(path, kind[2])) for path, kind in kinds.items()]
    for (path, *_), (_, version, kind, owner) in zip(created, [created[-1], *created], strict=False):
        reference = refer_to(owner, version, kind, blockOwnerDeletion=True)
        merge(cluster.server, f"{path}/cycle", {"metadata": {"ownerReferences": [reference]}})
    ok(cluster.server, "DELETE", f"{_CORE}/configmaps/cycle", {"propagationPolicy": "Foreground"})
    eventually(
        lambda: all(cluster.server.get(f"{path}/cycle").status == 404 for path in kinds), _PROGRESS_SECONDS
    )


def test_wrong_references_to_an_owner_harm_only_the_objects_that_have_them(cluster: Cluster) -> None:
    """Owners in another namespace, under another name, and namespaced owners of a cluster-scoped object."""
    ok(cluster.server, "POST", "/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    maps, others = f"{_CORE}/configmaps", "/api/v1/namespaces/elsewhere/configmaps"
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    owner = cluster.create(maps, {"metadata": {"name": "owner"}})
    right = refer_to(owner, "v1", "ConfigMap")

    def create(path: str, name: str, reference: JsonObject) -> None:
        body = {"metadata": {"name": name, "ownerReferences": [reference]}}
        cluster.create(path, body | ({"rules": []} if path == roles else {}))

    create(roles, "owned-role", right)
    create(others, "elsewhere", right)
    create(maps, "misnamed", {**right, "name": "another"})
    create(maps, "mistyped", {**right, "kind": "Secret"})
    create(maps, "owned", right)
    wrong = [f"{others}/elsewhere", f"{maps}/misnamed", f"{maps}/mistyped"]
    eventually(lambda: all(cluster.server.get(path).status == 404 for path in wrong), _PROGRESS_SECONDS)

    def list_messages() -> list[str]:
        events = cluster.get("/api/v1/namespaces/elsewhere/events")["items"]
        return [each["message"] for each in events if each["reason"] == "OwnerRefInvalidNamespace"]

    eventually(list_messages, _PROGRESS_SECONDS)
    (message,) = list_messages()
    assert message.endswith(f'uid: {right["uid"]}] does not exist in namespace "elsewhere"')
    # What is right does not suffer, also if the collector looks again.
    merge(cluster.server, f"{maps}/owned", {"metadata": {"labels": {"look": "again"}}})
    cluster.check_progress("beside-references")
    for path in (f"{maps}/owned", f"{maps}/owner", f"{roles}/owned-role"):
        assert cluster.server.get(path).status == 200, path
    ok(cluster.server, "DELETE", f"{maps}/owner", {})
    eventually(lambda: cluster.server.get(f"{maps}/owned").status == 404, _PROGRESS_SECONDS)
    # Upstream, too, deletes no object of the cluster for an owner with a namespace.
    assert cluster.server.get(f"{roles}/owned-role").status == 200
    ok(cluster.server, "DELETE", f"{roles}/owned-role")


def build_finalized(count: int) -> JsonObject:
    names = [f"example.com/f{number}" for number in range(count)]
    return {"metadata": {"name": "finalized", "finalizers": names}}


def build_owned(count: int) -> JsonObject:
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    owners = [{**kind, "name": f"o{number}", "uid": f"u{number}"} for number in range(count)]
    return {"metadata": {"name": "owned-by-many", "ownerReferences": owners}}


def build_selecting(count: int) -> JsonObject:
    """The value that matches is the last one."""
    body = build_set("selecting", replicas=1)
    values = [f"v{number}" for number in range(count)]
    body["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "In", "values": values}]}
    body["spec"]["template"]["metadata"]["labels"] = {"app": values[-1]}
    return body


def build_labelled(count: int) -> JsonObject:
    body = build_set("labelled", replicas=1)
    labels = {f"l{number}": "" for number in range(count)}
    body["spec"]["template"]["metadata"]["labels"] |= labels
    return body


def build_service(count: int) -> JsonObject:
    selector = {f"l{number}": "" for number in range(count)}
    return {"metadata": {"name": "choosy"}, "spec": {"selector": selector, "ports": [{"port": 80}]}}


#: How many entries fit in a request and in etcd, up to a factor of two.
_FILLED: Final = (
    (f"{_CORE}/configmaps", build_finalized, 16_000),
    (f"{_CORE}/configmaps", build_owned, 8_000),
    (f"{_APPS}/deployments", build_selecting, 100_000),
    (f"{_APPS}/replicasets", build_labelled, 30_000),
    (f"{_CORE}/services", build_service, 60_000),
)


def test_fields_with_as_many_entries_as_the_server_takes_delay_nothing_else(cluster: Cluster) -> None:
    normal, before = cluster.measure_latency("normal"), cluster.measure_memory()
    assert cluster.server.post(f"{_CORE}/configmaps", build_finalized(_MILLION)).status == 413
    for path, build, count in _FILLED:
        cluster.create(path, build(count))
    latency = cluster.measure_latency("beside")
    assert latency < _LATENCY_FACTOR * normal + _LATENCY_SECONDS
    cluster.check_progress("beside-filled")
    assert cluster.measure_memory() - before < 2 * _MEMORY_MIB


def test_huge_objects_leave_the_process_small(cluster: Cluster) -> None:
    before = cluster.measure_memory()
    for number in range(20):
        data = {"large": "x" * 1_000_000}
        body = {"metadata": {"name": f"huge-{number}"}, "data": data}
        cluster.create(f"{_CORE}/configmaps", body)
    completions = 2_000_000_000
    cluster.create(
        f"{_BATCH}/jobs",
        build_job("endless", command="exit 0", completions=completions, parallelism=5),
    )
    cluster.create(
        f"{_BATCH}/jobs",
        build_job(
            "indexes",
            command="run",
            completions=100_000,
            parallelism=5,
            completionMode="Indexed",
        ),
    )
    cluster.check_progress("beside-huge")
    merge(cluster.server, f"{_BATCH}/jobs/endless", {"spec": {"suspend": True}})
    assert cluster.measure_memory() - before < _MEMORY_MIB


def test_a_cron_job_that_missed_ten_years_runs_once(cluster: Cluster) -> None:
    job = build_job("old", command="exit 0")
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": job["spec"]}, "concurrencyPolicy": "Forbid"}
    cluster.create(f"{_BATCH}/cronjobs", {"metadata": {"name": "old"}, "spec": spec})
    start = time.monotonic()
    merge(
        cluster.server,
        f"{_BATCH}/cronjobs/old/status",
        {"status": {"lastScheduleTime": "2016-01-01T00:00:00Z"}},
    )

    def list_jobs() -> list[JsonObject]:
        return [
            each
            for each in cluster.get(f"{_BATCH}/jobs")["items"]
            if any(owner["name"] == "old" for owner in each["metadata"].get("ownerReferences", ()))
        ]

    eventually(list_jobs, _PROGRESS_SECONDS)
    cluster.check_progress("beside-old")
    minutes = (time.monotonic() - start) / 60
    assert len(list_jobs()) <= minutes + 2


def test_names_at_the_limit_and_selectors_without_a_match_delay_nothing_else(cluster: Cluster) -> None:
    body = build_set("n" * _LONGEST_LABEL, replicas=1)
    body["metadata"]["name"] = ".".join(["n" * 62] * 4)[:_LONGEST_NAME]
    for plural in ("deployments", "replicasets"):
        cluster.create(f"{_APPS}/{plural}", body)
    nothing = build_set("nothing", replicas=1)
    nothing["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    answer = cluster.server.post(f"{_APPS}/replicasets", nothing)
    assert answer.status == 422
    everything = build_set("everything", replicas=1)
    everything["spec"]["selector"] = {}
    assert cluster.server.post(f"{_APPS}/replicasets", everything).status == 422
    # A selector that all pods of the namespace match: it adopts orphans only.
    all_pods = build_set("all", replicas=2)
    all_pods["spec"]["selector"] = {"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}
    cluster.create(f"{_APPS}/replicasets", all_pods)
    path = f"{_APPS}/replicasets/all"
    eventually(lambda: cluster.get(path)["status"].get("readyReplicas") == 2, _PROGRESS_SECONDS)
    cluster.check_progress("beside-names")
    long = f"{_APPS}/replicasets/{body['metadata']['name']}"
    eventually(lambda: cluster.get(long)["status"].get("readyReplicas") == 1, _PROGRESS_SECONDS)
