"""Work of the controllers of services and of their address ranges."""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.failover.work import Work, build_set

_MANAGER: Final = "endpointslice.kubernetes.io/managed-by"
_RANGES: Final = "/apis/networking.k8s.io/v1/servicecidrs"


class ServiceWork(Work):
    def list_slices(self, service: str, manager: str) -> list[JsonObject]:
        labels = {"kubernetes.io/service-name": service, _MANAGER: f"{manager}.k8s.io"}
        return self.list_all("endpointslices", **labels)


class Endpoints(ServiceWork):
    """A service whose pods exist already."""

    _count: Final = 3

    def prepare(self) -> None:
        self.create("replicasets", build_set("backend", replicas=self._count))

    def is_prepared(self) -> bool:
        if self.get("replicasets", "backend")["status"].get("readyReplicas", 0) < self._count:
            return False
        for number, pod in enumerate(self.list_all("pods", app="backend")):
            # The fake kubelet gives no addresses.
            address = f"10.99.0.{number + 1}"
            status = {"podIP": address, "podIPs": [{"ip": address}]}
            merge(self.server, f"{self.path('pods', pod['metadata']['name'])}/status", {"status": status})
        return True

    def begin(self) -> None:
        spec = {"selector": {"app": "backend"}, "ports": [{"port": 80}]}
        self.create("services", {"metadata": {"name": "backend"}, "spec": spec})

    def is_done(self) -> bool:
        slices = self.list_slices("backend", "endpointslice-controller")
        sliced = [address for each in slices for end in each["endpoints"] for address in end["addresses"]]
        if not self.exists("endpoints", "backend"):
            return False
        subsets = self.get("endpoints", "backend").get("subsets", ())
        listed = [address["ip"] for each in subsets for address in each.get("addresses", ())]
        return len(sliced) == self._count == len(listed)

    def check(self) -> None:
        assert len(self.list_slices("backend", "endpointslice-controller")) == 1


class MirroredEndpoints(ServiceWork):
    """Endpoints that somebody writes for a service without a selector."""

    def begin(self) -> None:
        self.create("services", {"metadata": {"name": "outside"}, "spec": {"ports": [{"port": 80}]}})
        addresses = [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]
        subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
        self.create("endpoints", {"metadata": {"name": "outside"}, "subsets": subsets})

    def is_done(self) -> bool:
        slices = self.list_slices("outside", "endpointslicemirroring-controller")
        return sum(len(each["endpoints"]) for each in slices) == 2

    def check(self) -> None:
        assert len(self.list_slices("outside", "endpointslicemirroring-controller")) == 1


class ServiceRange(Work):
    """A range of service addresses gets its finalizer and its condition."""

    def begin(self) -> None:
        number = self.number
        spec = {"cidrs": [f"10.{100 + number // 256}.{number % 256}.0/24"]}
        ok(self.server, "POST", _RANGES, {"metadata": {"name": self.namespace}, "spec": spec})

    def is_done(self) -> bool:
        conditions = (
            ok(self.server, "GET", f"{_RANGES}/{self.namespace}").get("status", {}).get("conditions", ())
        )
        return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)

    def clean(self) -> None:
        ok(self.server, "DELETE", f"{_RANGES}/{self.namespace}")


NETWORK_WORK: Final[tuple[type[Work], ...]] = (Endpoints, MirroredEndpoints, ServiceRange)
