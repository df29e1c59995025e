"""ServiceCIDRs: sets Ready, and keeps them while an address depends on them (pkg/controller/servicecidrs)."""

from __future__ import annotations

import ipaddress
import time
from typing import Final

from kprov.kube.client import ApiError
from kprov.kube.client.resource import MERGE_PATCH
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

GROUP: Final = "networking.k8s.io"
FINALIZER: Final = "networking.k8s.io/service-cidr-finalizer"
#: Seconds until all API servers have seen a deletion and allocate no address of the range any more.
GRACE_SECONDS: Final = 10.0
_MANAGED_BY: Final = "ipaddress.kubernetes.io/managed-by"
_READY: Final = {"status": "True", "reason": "", "message": "Kubernetes Service CIDR is ready"}
_BLOCKED: Final = {
    "status": "False",
    "reason": "Terminating",
    "message": (
        "There are still IPAddresses referencing the ServiceCIDR, "
        "please remove them or create a new ServiceCIDR"
    ),
}


class ServiceCidrController(Controller):
    """Keys are ServiceCIDRs."""

    name = "service-cidr-controller"
    queue_name = "ipaddresses"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._cidrs = context.informers.informer(GROUP, "v1", "servicecidrs")
        self._addresses = context.informers.informer(GROUP, "v1", "ipaddresses")
        self._cidrs.add_handler(
            on_add=self._handle_cidr_change,
            on_update=lambda _, new: self._handle_cidr_change(new),
            on_delete=self._handle_cidr_change,
        )
        # Only the deletion of an address can unblock the deletion of a range.
        self._addresses.add_handler(on_add=self._handle_address_change, on_delete=self._handle_address_change)

    async def sync(self, key: str) -> None:
        obj = self._cidrs.get("", key)
        if obj is None:
            return
        metadata = obj["metadata"]
        finalizers = list(metadata.get("finalizers") or ())
        if not metadata.get("deletionTimestamp"):
            if FINALIZER not in finalizers:
                await self._set_finalizers(obj, [*finalizers, FINALIZER])
                return
            await self._send_event(obj, _READY)
            return
        if FINALIZER not in finalizers:
            return
        if not self._is_free(obj):
            await self._send_event(obj, _BLOCKED)
            return
        waited = time.time() - timestamps.parse(metadata["deletionTimestamp"]).timestamp()
        if waited < GRACE_SECONDS:
            self.queue.add_after(key, GRACE_SECONDS - waited)
            return
        await self._set_finalizers(obj, [finalizer for finalizer in finalizers if finalizer != FINALIZER])

    def _is_free(self, obj: JsonObject) -> bool:
        """Whether its addresses are all in other ServiceCIDRs or unused."""
        name = obj["metadata"]["name"]
        others = [
            network
            for other in self._cidrs.list()
            if other["metadata"]["name"] != name
            for network in parse_networks(other)
        ]
        own = parse_networks(obj)
        if all(any(_contains(other, network) for other in others) for network in own):
            return True
        for ip_address in self._addresses.list():
            if (ip_address["metadata"].get("labels") or {}).get(_MANAGED_BY) != "ipallocator.k8s.io":
                continue
            address = ipaddress.ip_address(ip_address["metadata"]["name"])
            if any(address in network for network in own) and not any(address in other for other in others):
                return False
        return True

    async def _set_finalizers(self, obj: JsonObject, finalizers: list[str]) -> None:
        metadata = obj["metadata"]
        change = {"resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}
        try:
            await self.resource_of(self._cidrs).patch(
                metadata["name"], {"metadata": change}, patch_type=MERGE_PATCH
            )
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _send_event(self, obj: JsonObject, wanted: dict[str, str]) -> None:
        conditions = list((obj.get("status") or {}).get("conditions") or ())
        current: JsonObject = next(
            (condition for condition in conditions if condition["type"] == "Ready"), {}
        )
        if all(current.get(name, "") == value for name, value in wanted.items()):
            return
        rest = [condition for condition in conditions if condition["type"] != "Ready"]
        made = {"type": "Ready", **wanted, "lastTransitionTime": timestamps.now()}
        if current.get("status") == wanted["status"]:
            made["lastTransitionTime"] = current["lastTransitionTime"]
        metadata = obj["metadata"]
        change = {
            "metadata": {"resourceVersion": metadata["resourceVersion"]},
            "status": {"conditions": [*rest, made]},
        }
        await self.resource_of(self._cidrs).patch(
            metadata["name"], change, subresource="status", patch_type=MERGE_PATCH
        )

    def _handle_cidr_change(self, obj: JsonObject) -> None:
        """Sync the ranges that a new or deleted range overlaps, which it can free."""
        self.queue.add(obj["metadata"]["name"])
        own = parse_networks(obj)
        for other in self._cidrs.list():
            if any(
                network.version == other_network.version and network.overlaps(other_network)
                for network in own
                for other_network in parse_networks(other)
            ):
                self.queue.add(other["metadata"]["name"])

    def _handle_address_change(self, obj: JsonObject) -> None:
        address = ipaddress.ip_address(obj["metadata"]["name"])
        for cidr in self._cidrs.list():
            if any(address in network for network in parse_networks(cidr)):
                self.queue.add(cidr["metadata"]["name"])


def parse_networks(obj: JsonObject) -> list[Network]:
    """Spec.cidrs of a ServiceCIDR."""
    return [ipaddress.ip_network(cidr) for cidr in (obj.get("spec") or {}).get("cidrs") or ()]


def _contains(outer: Network, inner: Network) -> bool:
    return (
        outer.version == inner.version and inner.network_address in outer and inner.broadcast_address in outer
    )
