"""All kinds of work, and more of those that are too short for a file of their own."""

from __future__ import annotations

from typing import Final

from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.failover.account_work import ACCOUNT_WORK
from tests.apiserver.failover.device_work import DEVICE_WORK
from tests.apiserver.failover.network_work import NETWORK_WORK
from tests.apiserver.failover.volume_work import VOLUME_WORK, build_pod
from tests.apiserver.failover.work import (
    ALL_WORK,
    Certificates,
    ExpiringJob,
    LostNode,
    Quota,
    Work,
    build_set,
)

_POLICIES: Final = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_NODES: Final = "/api/v1/nodes"
_TTL: Final = "node.alpha.kubernetes.io/ttl"


class ReplicationControllers(Work):
    """Three pods."""

    def begin(self) -> None:
        body = build_set("classic", replicas=3)
        body["spec"]["selector"] = {"app": "classic"}
        self.create("replicationcontrollers", body)

    def is_done(self) -> bool:
        return bool(self.get("replicationcontrollers", "classic")["status"].get("readyReplicas", 0) == 3)

    def check(self) -> None:
        assert len(self.list_all("pods", app="classic")) == 3


class DisruptionBudget(Work):
    """A budget for a set that grows meanwhile."""

    def begin(self) -> None:
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}}
        self.create("poddisruptionbudgets", {"metadata": {"name": "guarded"}, "spec": spec})
        self.create("replicasets", build_set("guarded", replicas=2))

    def is_done(self) -> bool:
        status = self.get("poddisruptionbudgets", "guarded").get("status", {})
        return (status.get("currentHealthy"), status.get("disruptionsAllowed")) == (2, 1)


class NewNode(Work):
    """A new node gets the addresses of its pods and the annotation of its size class."""

    def begin(self) -> None:
        # In the zone of the other nodes, more lost nodes than others would stop the eviction of pods.
        labels = {"topology.kubernetes.io/zone": self._name}
        ok(self.server, "POST", _NODES, {"metadata": {"name": self._name, "labels": labels}})

    @property
    def _name(self) -> str:
        return f"{self.namespace}-new"

    def is_done(self) -> bool:
        node = ok(self.server, "GET", f"{_NODES}/{self._name}")
        return "podCIDR" in node["spec"] and _TTL in node["metadata"].get("annotations", {})

    def check(self) -> None:
        ranges = [each["spec"].get("podCIDR", "") for each in ok(self.server, "GET", _NODES)["items"]]
        given = [each for each in ranges if each]
        assert len(set(given)) == len(given)

    def clean(self) -> None:
        ok(self.server, "DELETE", f"{_NODES}/{self._name}")


class AdmissionPolicy(Work):
    """The expressions of an admission policy are checked."""

    def begin(self) -> None:
        rule = {
            "apiGroups": ["apps"],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["deployments"],
        }
        spec = {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "object.spec.replicas < 50"}],
        }
        ok(self.server, "POST", _POLICIES, {"metadata": {"name": self.namespace}, "spec": spec})

    def is_done(self) -> bool:
        policy = ok(self.server, "GET", f"{_POLICIES}/{self.namespace}")
        return bool(policy.get("status", {}).get("observedGeneration") == policy["metadata"]["generation"])

    def clean(self) -> None:
        ok(self.server, "DELETE", f"{_POLICIES}/{self.namespace}")


class TerminatingPod(Work):
    """A deleted pod without a node, which only the garbage collector of pods ends. It looks every 20 seconds."""

    def begin(self) -> None:
        pod = build_pod("gated", schedulingGates=[{"name": "example.com/gate"}])
        pod["metadata"]["finalizers"] = ["example.com/held"]
        self.create("pods", pod)
        ok(self.server, "DELETE", self.path("pods", "gated"))

    def is_done(self) -> bool:
        return bool(self.get("pods", "gated")["status"].get("phase") == "Failed")

    def clean(self) -> None:
        merge(self.server, self.path("pods", "gated"), {"metadata": {"finalizers": None}})


#: Work that takes much longer than the other kinds.
SLOW_WORK: Final[tuple[type[Work], ...]] = (LostNode, TerminatingPod)
#: Work for which a controller writes once or twice. A round has it twice, so that a kill may come between.
SHORT_WORK: Final[tuple[type[Work], ...]] = (
    *(ReplicationControllers, DisruptionBudget, NewNode, AdmissionPolicy, Quota, Certificates, ExpiringJob),
    *(*ACCOUNT_WORK, *DEVICE_WORK, *NETWORK_WORK, *VOLUME_WORK),
)
LONG_WORK: Final = tuple(kind for kind in ALL_WORK if kind not in {*SHORT_WORK, *SLOW_WORK})
