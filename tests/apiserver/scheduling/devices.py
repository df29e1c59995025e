"""Device classes, slices and claims of one test, under the name of its space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.scheduling.conftest import Space
from tests.builders.containers import build_container
from tests.builders.pods import build_pod

_GROUP: Final = "/apis/resource.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Devices:
    space: Space

    @property
    def driver(self) -> str:
        """The driver, and the class of all its devices."""
        return f"{self.space.name}.example.com"

    @property
    def claims(self) -> str:
        return f"{_GROUP}/namespaces/{self.space.name}/resourceclaims"

    def create_class(self, **more: Any) -> None:
        """more: of the spec."""
        expression = f'device.driver == "{self.driver}"'
        spec = {"selectors": [{"cel": {"expression": expression}}]} | more
        self._create("deviceclasses", {"metadata": {"name": self.driver}, "spec": spec})

    def create_slice(
        self, node: str, *devices: str | JsonObject, pool: str = "", count: int = 1, **spec: Any
    ) -> None:
        """devices: names, or whole devices. count: slices of the pool."""
        name = f"{self.space.name}-{pool or node}{'-counters' if 'sharedCounters' in spec else ''}"
        body: JsonObject = {
            "driver": self.driver,
            "nodeName": node,
            "pool": {"name": pool or node, "generation": 1, "resourceSliceCount": count},
        }
        if devices:
            body["devices"] = [{"name": each} if isinstance(each, str) else each for each in devices]
        self._create("resourceslices", {"metadata": {"name": name}, "spec": body | spec})

    def build_request(self, name: str = "r", **exactly: Any) -> JsonObject:
        return {"name": name, "exactly": {"deviceClassName": self.driver} | exactly}

    def create_claim(
        self, name: str, *requests: JsonObject, constraints: Sequence[JsonObject] = (), **exactly: Any
    ) -> None:
        """exactly: fields of the only request, unless there are requests."""
        devices: JsonObject = {"requests": list(requests) or [self.build_request(**exactly)]}
        if constraints:
            devices["constraints"] = list(constraints)
        ok(self.space.server, "POST", self.claims, {"metadata": {"name": name}, "spec": {"devices": devices}})

    def create_pod(self, name: str, *claims: str, **more: Any) -> None:
        """more: of the pod's spec."""
        references = [{"name": claim, "resourceClaimName": claim} for claim in claims]
        container = build_container(resources={"claims": [{"name": claim} for claim in claims]})
        body = build_pod(name, **{"containers": [container], "resourceClaims": references} | more)
        ok(self.space.server, "POST", self.space.pods, body)

    def get_claim(self, name: str) -> JsonObject:
        return ok(self.space.server, "GET", f"{self.claims}/{name}")

    def list_results(self, name: str) -> list[JsonObject]:
        """What is allocated to a claim."""
        allocation = self.get_claim(name).get("status", {}).get("allocation", {})
        return list(allocation.get("devices", {}).get("results", []))

    def list_devices(self, name: str) -> list[str]:
        """The devices of a claim. Waits until it has some."""
        return [result["device"] for result in eventually(lambda: self.list_results(name))]

    def _create(self, resource: str, body: JsonObject) -> None:
        ok(self.space.server, "POST", f"{_GROUP}/{resource}", body)
