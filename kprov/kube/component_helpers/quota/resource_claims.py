"""What resource claims use of a quota: devices by class, and by the extended resource of a class.

Source: upstream pkg/quota/v1/evaluator/core/resource_claims.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.component_helpers.pod_resources import Amounts, add_amounts, raise_amounts
from kprov.kube.component_helpers.quota.evaluator import ONE, Evaluator, Objects
from kprov.kube.component_helpers.quota.pods import DEVICE_CLASS, REQUESTS, Pods
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import Quantity

GROUP: Final = "resource.k8s.io"
_DEVICES: Final = ".deviceclass.resource.k8s.io/devices"
_IMPLICIT: Final = REQUESTS + DEVICE_CLASS
#: How many devices "all matching devices" counts as.
_MAX_DEVICES: Final = 32
_EXTENDED: Final = "resource.kubernetes.io/extended-resource-claim"


class ResourceClaims(Evaluator):
    def __init__(self, objects: Objects) -> None:
        super().__init__(GROUP, "resourceclaims")
        self._objects = objects

    def handles(self, operation: str, subresource: str, obj: JsonMapping, old: JsonMapping | None) -> bool:
        return not subresource and operation in {"CREATE", "UPDATE"}

    def measures(self, name: str) -> bool:
        if name == self.count or name.endswith(_DEVICES):
            return True
        if not name.startswith(REQUESTS) or "/" not in name:
            return False
        extended = self._list_extended_resources()
        if name.startswith(_IMPLICIT):
            return bool(extended.get(name.removeprefix(_IMPLICIT)))
        return name.removeprefix(REQUESTS) in extended.values()

    def usage(self, obj: JsonMapping) -> Amounts:
        used: Amounts = {self.count: ONE}
        for request in ((obj.get("spec") or {}).get("devices") or {}).get("requests") or ():
            most: Amounts = {}
            for part in request.get("firstAvailable") or [request.get("exactly")]:
                if part is not None:
                    raise_amounts(most, {part.get("deviceClassName", "") + _DEVICES: _devices(part)})
            add_amounts(used, most)
        self._add_extended(used, obj)
        return used

    def _list_extended_resources(self) -> dict[str, str]:
        """Return the extended resource of each device class that has one."""
        return {
            device_class["metadata"]["name"]: name
            for device_class in self._objects(GROUP, "deviceclasses", "")
            if (name := (device_class.get("spec") or {}).get("extendedResourceName"))
        }

    def _add_extended(self, used: Amounts, claim: JsonMapping) -> None:
        extended = self._list_extended_resources()
        already = self._paid_by_pod(claim)
        for name, amount in list(used.items()):
            device_class = name.removesuffix(_DEVICES)
            if device_class in {name, ""}:
                continue
            names = [_IMPLICIT + device_class]
            if device_class in extended:
                names.append(REQUESTS + extended[device_class])
            for quota_name in names:
                rest = amount - already[quota_name] if quota_name in already else amount
                if rest.nanos > 0:
                    used[quota_name] = rest

    def _paid_by_pod(self, claim: JsonMapping) -> Amounts:
        """Return what the quota already counts for the pod for which the scheduler created the claim."""
        metadata = claim.get("metadata") or {}
        owner = _controller(metadata)
        if (metadata.get("annotations") or {}).get(_EXTENDED) != "true" or owner is None:
            return {}
        namespace = metadata.get("namespace", "")
        pods = (
            pod for pod in self._objects("", "pods", namespace) if pod["metadata"].get("uid") == owner["uid"]
        )
        pod = next(pods, None)
        if pod is None or pod["metadata"]["name"] != owner.get("name"):
            return {}
        known = (pod.get("status") or {}).get("extendedResourceClaimStatus")
        if known is not None:
            return Pods().usage(pod) if known.get("resourceClaimName") == metadata.get("name") else {}
        return Pods().usage(pod) if self._is_first(claim, owner["uid"]) else {}

    def _is_first(self, claim: JsonMapping, uid: str) -> bool:
        """Of several claims created for one pod only the first is counted with the pod."""
        metadata = claim["metadata"]
        own = (metadata.get("creationTimestamp") or "", metadata.get("name", ""))
        return not any(
            (other["metadata"].get("creationTimestamp") or "", other["metadata"]["name"]) < own
            for other in self._objects(GROUP, "resourceclaims", metadata.get("namespace", ""))
            if (other["metadata"].get("annotations") or {}).get(_EXTENDED) == "true"
            and (_controller(other["metadata"]) or {}).get("uid") == uid
        )


def _devices(part: JsonMapping) -> Quantity:
    match part.get("allocationMode"):
        case "ExactCount":
            return Quantity.of(part.get("count", 0))
        case "All":
            return Quantity.of(_MAX_DEVICES)
    return Quantity.of(0)


def _controller(metadata: JsonMapping) -> dict[str, Any] | None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Pod"):
            return dict(owner)
    return None
