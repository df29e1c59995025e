"""Work of the controllers of devices."""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.failover.volume_work import build_pod
from tests.apiserver.failover.work import Work

_SLICES: Final = "/apis/resource.k8s.io/v1/resourceslices"
_DRIVER: Final = "gpu.example.com"
_TAINT: Final = {"key": "gpu.example.com/broken", "effect": "NoExecute"}
_REQUEST: Final = {"name": "gpu", "exactly": {"deviceClassName": _DRIVER}}
_CLAIM: Final[JsonObject] = {"devices": {"requests": [_REQUEST]}}


class DeviceClaims(Work):
    """Pods get claims from a template."""

    _count: Final = 3

    def prepare(self) -> None:
        self.create("resourceclaimtemplates", {"metadata": {"name": "gpu"}, "spec": {"spec": _CLAIM}})

    def begin(self) -> None:
        claims = [{"name": "gpu", "resourceClaimTemplateName": "gpu"}]
        for number in range(self._count):
            self.create("pods", build_pod(f"computing-{number}", resourceClaims=claims))

    def is_done(self) -> bool:
        pods = [self.get("pods", f"computing-{number}") for number in range(self._count)]
        return all(pod["status"].get("resourceClaimStatuses") for pod in pods)

    def check(self) -> None:
        for number in range(self._count):
            assert len(self.list_owned("resourceclaims", f"computing-{number}")) == 1, number


class BrokenDevice(Work):
    """A pod whose device gets a taint is evicted."""

    def prepare(self) -> None:
        spec = {
            "driver": _DRIVER,
            "nodeName": "node-b",
            "pool": {"name": self.namespace, "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": "gpu-0"}],
        }
        ok(self.server, "POST", _SLICES, {"metadata": {"name": self.namespace}, "spec": spec})
        self.create("resourceclaims", {"metadata": {"name": "broken"}, "spec": _CLAIM})
        claims = [{"name": "gpu", "resourceClaimName": "broken"}]
        pod = self.create("pods", build_pod("victim", nodeName="node-b", resourceClaims=claims))
        result = {"request": "gpu", "driver": _DRIVER, "pool": self.namespace, "device": "gpu-0"}
        consumer = {"resource": "pods", "name": "victim", "uid": pod["metadata"]["uid"]}
        status = {"allocation": {"devices": {"results": [result]}}, "reservedFor": [consumer]}
        merge(self.server, f"{self.path('resourceclaims', 'broken')}/status", {"status": status})

    def begin(self) -> None:
        devices = [{"name": "gpu-0", "taints": [_TAINT]}]
        merge(self.server, f"{_SLICES}/{self.namespace}", {"spec": {"devices": devices}})

    def is_done(self) -> bool:
        return not self.exists("pods", "victim")

    def clean(self) -> None:
        ok(self.server, "DELETE", f"{_SLICES}/{self.namespace}")


DEVICE_WORK: Final[tuple[type[Work], ...]] = (DeviceClaims, BrokenDevice)
