"""Each controller works as a service account that may do what upstream's bootstrap policy says, and no more.

The audit log of the API server shows who did what.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from kprov.kube.controller_manager.registry import ACCOUNTS
from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controllers import controllers
from tests.apiserver.fake_kubelet import NODE, fake_kubelet
from tests.apiserver.servers import ApiServer, pem, running
from tests.apiserver.test_certificate_controllers import API_CLIENT, KUBELET_CLIENT, Client

_ACCOUNT: Final = "system:serviceaccount:kube-system:"
_SHARED: Final = "system:kube-controller-manager"
_CORE: Final = "/api/v1/namespaces/work"
_APPS: Final = "/apis/apps/v1/namespaces/work"
_BATCH: Final = "/apis/batch/v1/namespaces/work"
_NODES: Final = "/api/v1/nodes"
_SYSTEM: Final = "/api/v1/namespaces/kube-system"
#: Their work needs a driver or a day: tests/apiserver/controller_manager.
_TESTED_APART: Final = {
    "attachdetach-controller",
    "device-taint-eviction-controller",
    "expand-controller",
    "legacy-service-account-token-cleaner",
    "resource-claim-controller",
    "selinux-warning-controller",
}
_READS: Final = {"get", "list", "watch"}
_CONTAINERS: Final = [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]
_SLOW_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Work:
    """A server, and the folder with its audit log."""

    server: ApiServer
    folder: Path

    def read_audit(self) -> list[JsonObject]:
        """Requests of the controller manager that the server has answered."""
        lines = (self.folder / "audit.log").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [each for each in events if each.get("userAgent", "").startswith("kube-controller-manager/")]

    def list_writes(self) -> dict[str, set[str]]:
        """What each user has changed, such as "update deployments/status"."""
        found: dict[str, set[str]] = defaultdict(set)
        for event in self.read_audit():
            target = event.get("objectRef")
            if target and event["verb"] not in _READS and event["responseStatus"]["code"] < 300:
                parts = [target["resource"], target.get("subresource")]
                found[event["user"]["username"]].add(f"{event['verb']} {'/'.join(filter(None, parts))}")
        return found


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """A server with the bootstrap policy on an empty etcd, and all controllers."""
    folder = tmp_path_factory.mktemp("identities")
    rule: JsonObject = {"level": "Metadata", "omitStages": ["RequestReceived"]}
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [rule]}
    (folder / "policy.yaml").write_text(json.dumps(policy))
    flags = [f"--audit-policy-file={folder / 'policy.yaml'}", f"--audit-log-path={folder / 'audit.log'}"]
    with running(folder, *flags) as (_, server):
        key = folder / "ca.key"
        key.write_bytes(pem(server.authority._key))
        options = (
            f"--root-ca-file={server.authority.file}",
            f"--service-account-private-key-file={folder / 'sa.key'}",
            f"--cluster-signing-cert-file={server.authority.file}",
            f"--cluster-signing-key-file={key}",
            *("--allocate-node-cidrs=true", "--cluster-cidr=10.244.0.0/16"),
            *("--node-monitor-period=1s", "--node-startup-grace-period=2s", "--node-monitor-grace-period=5m"),
            "--terminated-pod-gc-threshold=1",
        )
        names = ("*", "bootstrap-signer-controller", "token-cleaner-controller")
        with controllers(server, *names, flags=options):
            yield Work(server, folder)


def create(work: Work, path: str, name: str, body: JsonObject, **metadata: Any) -> str:
    """Create an object; return its path."""
    ok(work.server, "POST", path, {"metadata": {"name": name, **metadata}, **body})
    return f"{path}/{name}"


def wait_for(work: Work, path: str, *fields: str, seconds: float = 30.0) -> Any:
    """The value of a field, once it is there and not empty."""

    def read() -> Any:
        value: Any = work.server.get(path).json
        for field in fields:
            value = value.get(field, {}) if isinstance(value, dict) else {}
        return value

    return eventually(read, seconds)


def wait_until_gone(work: Work, path: str, seconds: float = 30.0) -> None:
    eventually(lambda: work.server.get(path).status == 404, seconds)


def make_template(app: str, **spec: Any) -> JsonObject:
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": _CONTAINERS, **spec}}


def make_set(app: str, **spec: Any) -> JsonObject:
    return {"spec": {"selector": {"matchLabels": {"app": app}}, "template": make_template(app), **spec}}


def run_workloads(work: Work) -> None:
    """Pods of every kind of owner, their services and budgets."""
    deployment = create(work, f"{_APPS}/deployments", "web", make_set("web", replicas=2))
    create(work, f"{_CORE}/services", "web", {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
    create(work, f"{_CORE}/services", "other", {"spec": {"ports": [{"port": 80}]}})
    addresses = [{"addresses": [{"ip": "192.0.2.9"}], "ports": [{"port": 80}]}]
    create(work, f"{_CORE}/endpoints", "other", {"subsets": addresses})
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    budget = create(work, "/apis/policy/v1/namespaces/work/poddisruptionbudgets", "web", {"spec": spec})
    old = {"spec": {"replicas": 1, "selector": {"app": "old"}, "template": make_template("old")}}
    old_set = create(work, f"{_CORE}/replicationcontrollers", "old", old)
    stateful = create(work, f"{_APPS}/statefulsets", "db", make_set("db", replicas=1, serviceName="db"))
    template = {"restartPolicy": "Never", "containers": [{**_CONTAINERS[0], "command": ["exit", "0"]}]}
    job = {"spec": {"template": {"spec": template}, "ttlSecondsAfterFinished": 3}}
    short = create(work, f"{_BATCH}/jobs", "short", job)
    cron = {"spec": {"schedule": "* * * * *", "suspend": False, "jobTemplate": job}}
    create(work, f"{_BATCH}/cronjobs", "often", cron)
    merge(
        work.server,
        f"{_BATCH}/cronjobs/often/status",
        {"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}},
    )
    quota = create(work, f"{_CORE}/resourcequotas", "pods", {"spec": {"hard": {"pods": "100"}}})
    wait_for(work, deployment, "status", "availableReplicas")
    wait_for(work, old_set, "status", "readyReplicas")
    wait_for(work, stateful, "status", "readyReplicas")
    wait_for(work, budget, "status", "currentHealthy")
    wait_for(work, quota, "status", "used")
    wait_for(work, f"{_BATCH}/cronjobs/often", "status", "lastSuccessfulTime", seconds=_SLOW_SECONDS)
    wait_until_gone(work, short)
    # A new template, so that a replica set is scaled down.
    merge(work.server, deployment, {"spec": {"template": {"metadata": {"labels": {"version": "2"}}}}})
    eventually(lambda: ok(work.server, "GET", deployment)["status"].get("updatedReplicas") == 2)
    ok(work.server, "DELETE", deployment, {"propagationPolicy": "Foreground"})
    wait_until_gone(work, deployment)


def run_volumes(work: Work) -> None:
    """A claim and its volume from binding to deletion, and a claim of a pod's own."""
    volume = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/tmp/identities"},
        "storageClassName": "manual",
    }
    path = create(work, "/api/v1/persistentvolumes", "disk", {"spec": volume})
    wanted = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "manual",
    }
    claim = create(work, f"{_CORE}/persistentvolumeclaims", "data", {"spec": wanted})
    eventually(lambda: ok(work.server, "GET", claim)["status"].get("phase") == "Bound")
    scratch = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": wanted}}}
    create(work, f"{_CORE}/pods", "own", {"spec": {"containers": _CONTAINERS, "volumes": [scratch]}})
    wait_for(work, f"{_CORE}/persistentvolumeclaims/own-scratch", "metadata", "ownerReferences")
    ok(work.server, "DELETE", claim)
    wait_until_gone(work, claim)
    ok(work.server, "DELETE", path)
    wait_until_gone(work, path)


def run_cluster_objects(work: Work) -> None:
    """Nodes, roles, accounts, service ranges, certificates, bootstrap tokens, namespaces."""
    node = create(work, _NODES, "silent", {})
    daemons = create(work, f"{_APPS}/daemonsets", "agent", make_set("agent"))
    wait_for(work, node, "spec", "podCIDR")
    wait_for(work, node, "metadata", "annotations", "node.alpha.kubernetes.io/ttl")
    wait_for(work, daemons, "status", "desiredNumberScheduled")
    wait_for(work, node, "spec", "taints")
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    rule = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}
    create(work, role, "more", {"rules": [rule]}, labels=labels)
    eventually(lambda: rule in ok(work.server, "GET", f"{role}/view")["rules"])
    create(work, f"{_CORE}/serviceaccounts", "robot", {})
    annotations = {"kubernetes.io/service-account.name": "robot"}
    secret = {"type": "kubernetes.io/service-account-token"}
    token = create(work, f"{_CORE}/secrets", "robot", secret, annotations=annotations)
    wait_for(work, token, "data", "token")
    published = f"{_CORE}/configmaps/kube-root-ca.crt"
    merge(work.server, published, {"data": {"ca.crt": "wrong"}})
    eventually(lambda: ok(work.server, "GET", published)["data"]["ca.crt"] != "wrong")
    attributes = "/apis/storage.k8s.io/v1/volumeattributesclasses"
    speed = {"driverName": "example.com", "parameters": {"speed": "high"}}
    protected = create(work, attributes, "fast", speed)
    ok(work.server, "DELETE", protected)
    wait_until_gone(work, protected)
    ranges = "/apis/networking.k8s.io/v1/servicecidrs"
    wait_for(work, create(work, ranges, "more", {"spec": {"cidrs": ["10.97.0.0/24"]}}), "status")
    run_admission_policy(work)
    client = Client(work.server, "alice")
    request = client.request(API_CLIENT, ["client auth"])
    client.approve(request)
    client.wait_for_certificate(request)
    kubelet = Client(work.server, "system:node:n1", ["system:nodes"])
    request = kubelet.request(KUBELET_CLIENT, ["digital signature", "client auth"], token="node-token")
    assert request
    config = "apiVersion: v1\nkind: Config\n"
    info = create(
        work, "/api/v1/namespaces/kube-public/configmaps", "cluster-info", {"data": {"kubeconfig": config}}
    )
    for number, until in (("aaaaaa", "2100-01-01T00:00:00Z"), ("bbbbbb", "2001-01-01T00:00:00Z")):
        data = {"token-id": number, "token-secret": "0123456789abcdef", "expiration": until}
        body = {
            "type": "bootstrap.kubernetes.io/token",
            "stringData": data | {"usage-bootstrap-signing": "true"},
        }
        create(work, f"{_SYSTEM}/secrets", f"bootstrap-token-{number}", body)
    wait_for(work, info, "data", "jws-kubeconfig-aaaaaa")
    wait_until_gone(work, f"{_SYSTEM}/secrets/bootstrap-token-bbbbbb")
    ok(work.server, "POST", "/api/v1/namespaces", {"metadata": {"name": "short-lived"}})
    ok(work.server, "DELETE", "/api/v1/namespaces/short-lived")
    wait_until_gone(work, "/api/v1/namespaces/short-lived")


def run_admission_policy(work: Work) -> None:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule | {"operations": ["CREATE"]}]},
        "validations": [{"expression": "object.spec.replicas < 100"}],
    }
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    wait_for(work, create(work, policies, "few", {"spec": spec}), "status", "observedGeneration")


def run_evictions(work: Work) -> None:
    """A pod that a taint evicts, and pods that ended."""
    taints = [{"key": "away", "effect": "NoExecute"}]
    pod = create(work, f"{_CORE}/pods", "evicted", {"spec": {"containers": _CONTAINERS}})
    eventually(lambda: ok(work.server, "GET", pod)["status"].get("phase") == "Running")
    merge(work.server, f"{_NODES}/{NODE}", {"spec": {"taints": taints}})
    wait_until_gone(work, pod)
    merge(work.server, f"{_NODES}/{NODE}", {"spec": {"taints": None}})
    ended = [{**_CONTAINERS[0], "command": ["exit", "0"]}]
    spec = {"spec": {"containers": ended, "restartPolicy": "Never"}}
    names = [create(work, f"{_CORE}/pods", f"ended-{number}", spec) for number in range(3)]
    wait_until_gone(work, names[0], _SLOW_SECONDS)


def test_no_controller_needs_more_than_its_role(work: Work) -> None:
    steps: tuple[Callable[[Work], None], ...] = (
        run_cluster_objects,
        run_volumes,
        run_workloads,
        run_evictions,
    )
    ok(work.server, "POST", "/api/v1/namespaces", {"metadata": {"name": "work"}})
    wait_for(work, f"{_CORE}/serviceaccounts/default", "metadata", "uid")
    with fake_kubelet(work.server):
        for step in steps:
            step(work)
    # Admission answers 403, too: a namespace that is being deleted takes no new objects.
    forbidden = [
        (each["user"]["username"], each["verb"], each["requestURI"])
        for each in work.read_audit()
        if each.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
    ]
    assert forbidden == []
    writes = work.list_writes()
    idle = {account for account in ACCOUNTS.values() if not writes.get(f"{_ACCOUNT}{account}")}
    assert idle == _TESTED_APART
    assert writes[_SHARED] == {
        "create serviceaccounts",
        "create serviceaccounts/token",
        "update secrets",
    }


def test_a_deleted_account_comes_back_with_the_next_request_of_its_controller(work: Work) -> None:
    account = f"{_SYSTEM}/serviceaccounts/ttl-controller"
    before = ok(work.server, "GET", account)["metadata"]["uid"]
    ok(work.server, "DELETE", account)
    node = create(work, _NODES, "later", {})
    wait_for(work, node, "metadata", "annotations", "node.alpha.kubernetes.io/ttl")
    assert ok(work.server, "GET", account)["metadata"]["uid"] != before
