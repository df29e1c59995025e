"""Work of each kind of controller, in a namespace of its own.

`prepare` makes what has to be there before, `begin` starts the work without waiting, `is_done` looks whether
it is finished, `check` judges what is left.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.servers import ApiServer
from tests.apiserver.workloads.cron_jobs import create_cron_job, set_last_schedule
from tests.apiserver.workloads.jobs import INDEX, build_job

_APPS: Final = "/apis/apps/v1"
_BATCH: Final = "/apis/batch/v1"
_REQUESTS: Final = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
_VOLUMES: Final = "/api/v1/persistentvolumes"
_IMAGE: Final = "registry.k8s.io/pause:3.10"
_KINDS: Final = {
    **dict.fromkeys(
        ("deployments", "replicasets", "statefulsets", "daemonsets", "controllerrevisions"), _APPS
    ),
    **dict.fromkeys(("jobs", "cronjobs"), _BATCH),
    **dict.fromkeys(("resourceclaims", "resourceclaimtemplates"), "/apis/resource.k8s.io/v1"),
    "poddisruptionbudgets": "/apis/policy/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
}


@dataclass
class Work:
    """One kind of work. server: where the test writes."""

    server: ApiServer
    namespace: str

    def prepare(self) -> None:
        """Make what must be there before the work begins."""

    def is_prepared(self) -> bool:
        return True

    def begin(self) -> None:
        raise NotImplementedError

    def is_done(self) -> bool:
        raise NotImplementedError

    def check(self) -> None:
        """Assert that nothing was done twice and nothing is left over."""

    def clean(self) -> None:
        """Remove what is not in the namespace."""

    # The same methods as a Home of tests/apiserver/workloads has, for the functions that take one.

    @property
    def name(self) -> str:
        return self.namespace

    @property
    def number(self) -> int:
        """The number of the round, for names that have no place for that of the namespace."""
        return int(self.namespace.rpartition("-")[2])

    def path(self, plural: str, name: str = "") -> str:
        root = f"{_KINDS.get(plural, '/api/v1')}/namespaces/{self.namespace}/{plural}"
        return f"{root}/{name}" if name else root

    def create(self, plural: str, body: JsonObject) -> JsonObject:
        return ok(self.server, "POST", self.path(plural), body)

    def get(self, plural: str, name: str) -> JsonObject:
        return ok(self.server, "GET", self.path(plural, name))

    def exists(self, plural: str, name: str) -> bool:
        return self.server.get(self.path(plural, name)).status == 200

    def list_all(self, plural: str, **labels: str) -> list[JsonObject]:
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        return list(ok(self.server, "GET", f"{self.path(plural)}?labelSelector={selector}")["items"])

    def list_owned(self, plural: str, owner: str) -> list[JsonObject]:
        return [
            each
            for each in self.list_all(plural)
            if any(reference["name"] == owner for reference in each["metadata"].get("ownerReferences", ()))
        ]


def build_set(name: str, **spec: Any) -> JsonObject:
    """The body of a set of pods with the label app=name."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": _IMAGE}], "terminationGracePeriodSeconds": 0},
    }
    whole = {"selector": {"matchLabels": labels}, "template": template} | spec
    return {"metadata": {"name": name}, "spec": whole}


def is_complete(job: JsonObject) -> bool:
    return any(each["type"] == "Complete" for each in job["status"].get("conditions", ()))


class Jobs(Work):
    """A job and an indexed one."""

    _pods: Final = 6

    def begin(self) -> None:
        for name, mode in (("plain", "NonIndexed"), ("indexed", "Indexed")):
            spec: JsonObject = {"completions": self._pods, "parallelism": 3, "completionMode": mode}
            self.create("jobs", build_job(name, command="exit 0", **spec))

    def is_done(self) -> bool:
        return all(is_complete(self.get("jobs", name)) for name in ("plain", "indexed"))

    def check(self) -> None:
        for name in ("plain", "indexed"):
            status, pods = self.get("jobs", name)["status"], self.list_owned("pods", name)
            assert (status["succeeded"], status.get("failed", 0)) == (self._pods, 0), name
            assert len(pods) == self._pods, name
            assert not any(pod["metadata"].get("finalizers") for pod in pods), name
        indexes = sorted(
            int(pod["metadata"]["annotations"][INDEX]) for pod in self.list_owned("pods", "indexed")
        )
        assert indexes == list(range(self._pods))


class ExpiringJob(Work):
    """A job that is deleted with its pods when it is finished."""

    def begin(self) -> None:
        self.create("jobs", build_job("expiring", command="exit 0", ttlSecondsAfterFinished=0, completions=2))

    def is_done(self) -> bool:
        return not self.exists("jobs", "expiring") and not self.list_owned("pods", "expiring")


class CronJobs(Work):
    """A schedule of which one time has passed."""

    def begin(self) -> None:
        create_cron_job(self, "timely", "7 7 * * *", command="exit 0", concurrencyPolicy="Forbid")  # type: ignore[arg-type]
        set_last_schedule(self, "timely", hours=25)  # type: ignore[arg-type]

    def is_done(self) -> bool:
        status = self.get("cronjobs", "timely").get("status", {})
        return "lastSuccessfulTime" in status and not status.get("active")

    def check(self) -> None:
        (job,) = self.list_owned("jobs", "timely")
        assert is_complete(job)


class StatefulSets(Work):
    """Three pods in their order, each with a claim."""

    def begin(self) -> None:
        claim = {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
                "storageClassName": "none",
            },
        }
        self.create(
            "statefulsets", build_set("web", replicas=3, serviceName="web", volumeClaimTemplates=[claim])
        )

    def is_done(self) -> bool:
        return bool(self.get("statefulsets", "web")["status"].get("readyReplicas", 0) == 3)

    def check(self) -> None:
        assert sorted(pod["metadata"]["name"] for pod in self.list_all("pods", app="web")) == [
            "web-0",
            "web-1",
            "web-2",
        ]
        claims = [each["metadata"]["name"] for each in self.list_all("persistentvolumeclaims")]
        assert sorted(each for each in claims if "web" in each) == [f"data-web-{n}" for n in range(3)]
        assert len(self.list_owned("controllerrevisions", "web")) == 1


class DaemonSets(Work):
    """A pod on each node."""

    def begin(self) -> None:
        self.create("daemonsets", build_set("agent"))

    def is_done(self) -> bool:
        status = self.get("daemonsets", "agent")["status"]
        return bool(status["desiredNumberScheduled"] >= 2 == status["numberReady"])

    def check(self) -> None:
        nodes = Counter(pod["spec"]["nodeName"] for pod in self.list_all("pods", app="agent"))
        assert set(nodes.values()) == {1}, nodes
        assert len(self.list_owned("controllerrevisions", "agent")) == 1


class Deployments(Work):
    """A roll out from one image to another."""

    def prepare(self) -> None:
        self.create("deployments", build_set("shop", replicas=4))

    def is_prepared(self) -> bool:
        return self._count("shop") == 4

    def begin(self) -> None:
        containers = [{"name": "c", "image": "registry.k8s.io/pause:3.9"}]
        merge(
            self.server,
            self.path("deployments", "shop"),
            {"spec": {"template": {"spec": {"containers": containers}}}},
        )

    def _count(self, name: str) -> int:
        status = self.get("deployments", name)["status"]
        counts = {status.get(key, 0) for key in ("updatedReplicas", "availableReplicas", "replicas")}
        return counts.pop() if len(counts) == 1 else 0

    def is_done(self) -> bool:
        deployment = self.get("deployments", "shop")
        observed = deployment["status"].get("observedGeneration", 0)
        return observed == deployment["metadata"]["generation"] and self._count("shop") == 4

    def check(self) -> None:
        sets = self.list_all("replicasets", app="shop")
        assert sorted(each["spec"]["replicas"] for each in sets) == [0, 4]
        pods = [
            pod for pod in self.list_all("pods", app="shop") if "deletionTimestamp" not in pod["metadata"]
        ]
        assert [pod["spec"]["containers"][0]["image"][-3:] for pod in pods] == ["3.9"] * 4


class ReplicaSets(Work):
    """Five pods."""

    def begin(self) -> None:
        self.create("replicasets", build_set("front", replicas=5))

    def is_done(self) -> bool:
        return bool(self.get("replicasets", "front")["status"].get("readyReplicas", 0) == 5)

    def check(self) -> None:
        assert len(self.list_all("pods", app="front")) == 5


class NamespaceDeletion(Work):
    """A namespace with objects of several kinds goes away."""

    @property
    def _victim(self) -> str:
        return f"{self.namespace}-victim"

    def prepare(self) -> None:
        ok(self.server, "POST", "/api/v1/namespaces", {"metadata": {"name": self._victim}})
        for number in range(10):
            body = {"metadata": {"name": f"map-{number}"}}
            ok(self.server, "POST", f"/api/v1/namespaces/{self._victim}/configmaps", body)
        path = f"{_APPS}/namespaces/{self._victim}/replicasets"
        ok(self.server, "POST", path, build_set("victims", replicas=3))

    def is_prepared(self) -> bool:
        path = f"{_APPS}/namespaces/{self._victim}/replicasets/victims"
        return bool(ok(self.server, "GET", path)["status"].get("readyReplicas", 0) == 3)

    def begin(self) -> None:
        ok(self.server, "DELETE", f"/api/v1/namespaces/{self._victim}")

    def is_done(self) -> bool:
        return self.server.get(f"/api/v1/namespaces/{self._victim}").status == 404

    def check(self) -> None:
        for path in (f"{_APPS}/replicasets", "/api/v1/pods", "/api/v1/configmaps"):
            items = ok(self.server, "GET", path)["items"]
            assert not [each for each in items if each["metadata"]["namespace"] == self._victim], path


class Collection(Work):
    """Sets that are deleted: in the foreground, in the background, and without their pods."""

    _policies: Final = ("Foreground", "Background", "Orphan")

    def prepare(self) -> None:
        for policy in self._policies:
            self.create("replicasets", build_set(policy.lower(), replicas=3))

    def is_prepared(self) -> bool:
        return all(
            self.get("replicasets", policy.lower())["status"].get("readyReplicas", 0) == 3
            for policy in self._policies
        )

    def begin(self) -> None:
        for policy in self._policies:
            body = {"propagationPolicy": policy}
            ok(self.server, "DELETE", self.path("replicasets", policy.lower()), body)

    def is_done(self) -> bool:
        return not any(self.exists("replicasets", policy.lower()) for policy in self._policies) and not any(
            self.list_all("pods", app=name) for name in ("foreground", "background")
        )

    def check(self) -> None:
        pods = self.list_all("pods", app="orphan")
        assert len(pods) == 3
        assert not any(pod["metadata"].get("ownerReferences") for pod in pods)


class Claims(Work):
    """Claims and volumes that fit each other in one way only."""

    _count: Final = 3

    def prepare(self) -> None:
        for number in range(self._count):
            spec = {
                "capacity": {"storage": f"{number + 1}Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": self.namespace,
                "hostPath": {"path": "/tmp/volume"},
            }
            ok(
                self.server,
                "POST",
                _VOLUMES,
                {"metadata": {"name": f"{self.namespace}-{number}"}, "spec": spec},
            )

    def begin(self) -> None:
        for number in reversed(range(self._count)):
            spec = {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": self.namespace,
                "resources": {"requests": {"storage": f"{number + 1}Gi"}},
            }
            self.create("persistentvolumeclaims", {"metadata": {"name": f"claim-{number}"}, "spec": spec})

    def _list_claims(self) -> list[JsonObject]:
        return [self.get("persistentvolumeclaims", f"claim-{number}") for number in range(self._count)]

    def is_done(self) -> bool:
        return all(claim["status"].get("phase") == "Bound" for claim in self._list_claims())

    def check(self) -> None:
        names = {claim["spec"]["volumeName"] for claim in self._list_claims()}
        assert len(names) == self._count
        for claim in self._list_claims():
            volume = ok(self.server, "GET", f"{_VOLUMES}/{claim['spec']['volumeName']}")
            assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]

    def clean(self) -> None:
        for number in range(self._count):
            self.server.ask("DELETE", f"{_VOLUMES}/{self.namespace}-{number}")


class Certificates(Work):
    """A request that somebody approves, and one of a node, which a controller approves."""

    @property
    def _path(self) -> str:
        return f"{_REQUESTS}/{self.namespace}"

    def begin(self) -> None:
        document = self._request(
            "", "kubernetes.io/kube-apiserver-client", (NameOID.COMMON_NAME, self.namespace)
        )
        document["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "Test"}]}
        ok(self.server, "PUT", f"{self._path}/approval", document)
        node = (NameOID.COMMON_NAME, f"system:node:{self.namespace}")
        group = (NameOID.ORGANIZATION_NAME, "system:nodes")
        self._request("-node", "kubernetes.io/kube-apiserver-client-kubelet", group, node)

    def _request(self, suffix: str, signer: str, *names: tuple[x509.ObjectIdentifier, str]) -> JsonObject:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in names])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        spec = {
            "signerName": signer,
            "request": b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
            "usages": ["digital signature", "client auth"],
        }
        body = {"metadata": {"name": f"{self.namespace}{suffix}"}, "spec": spec}
        return ok(self.server, "POST", _REQUESTS, body)

    def is_done(self) -> bool:
        paths = (self._path, f"{self._path}-node")
        return all(ok(self.server, "GET", path).get("status", {}).get("certificate") for path in paths)

    def clean(self) -> None:
        for path in (self._path, f"{self._path}-node"):
            ok(self.server, "DELETE", path)


class LostNode(Work):
    """A node that never sends a sign of life: it gets taints, and its pods are evicted."""

    @property
    def _path(self) -> str:
        return f"/api/v1/nodes/{self.namespace}"

    def prepare(self) -> None:
        ok(self.server, "POST", "/api/v1/nodes", {"metadata": {"name": self.namespace}})
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}
        merge(self.server, f"{self._path}/status", {"status": {"conditions": [ready]}})
        merge(self.server, self._path, {"spec": {"taints": None}})
        spec = {
            "nodeName": self.namespace,
            "containers": [{"name": "c", "image": _IMAGE}],
            "terminationGracePeriodSeconds": 0,
            "tolerations": [
                {
                    "key": "node.kubernetes.io/unreachable",
                    "effect": "NoExecute",
                    "operator": "Exists",
                    "tolerationSeconds": 0,
                }
            ],
        }
        self.create("pods", {"metadata": {"name": "stranded"}, "spec": spec})

    def begin(self) -> None:
        """Time begins it."""

    def is_done(self) -> bool:
        if self.exists("pods", "stranded"):
            return False
        taints = ok(self.server, "GET", self._path)["spec"].get("taints", ())
        return any(taint["key"] == "node.kubernetes.io/unreachable" for taint in taints)

    def check(self) -> None:
        node = ok(self.server, "GET", self._path)
        taints = Counter((taint["key"], taint["effect"]) for taint in node["spec"]["taints"])
        assert set(taints.values()) == {1}, taints

    def clean(self) -> None:
        ok(self.server, "DELETE", self._path)


class Quota(Work):
    """A quota that counts the config maps of the round."""

    def prepare(self) -> None:
        self.create(
            "resourcequotas", {"metadata": {"name": "maps"}, "spec": {"hard": {"count/secrets": "50"}}}
        )

    def begin(self) -> None:
        for number in range(5):
            self.create("secrets", {"metadata": {"name": f"secret-{number}"}})

    def is_done(self) -> bool:
        used = self.get("resourcequotas", "maps").get("status", {}).get("used", {})
        return bool(used.get("count/secrets") == "5")


ALL_WORK: Final[tuple[type[Work], ...]] = (
    Jobs,
    ExpiringJob,
    CronJobs,
    StatefulSets,
    DaemonSets,
    Deployments,
    ReplicaSets,
    NamespaceDeletion,
    Collection,
    Claims,
    Certificates,
    LostNode,
    Quota,
)
