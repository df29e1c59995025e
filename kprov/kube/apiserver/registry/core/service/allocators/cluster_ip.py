"""Allocates cluster IPs. Each allocation is an IPAddress object, which can be created only once.

Source: upstream pkg/registry/core/service/ipallocator (IPAddress objects as the record of what is taken).
"""

from __future__ import annotations

import ipaddress
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.registry.core.service.allocators.address_range import Address, AddressRange
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)


GROUP: Final = "networking.k8s.io"
MANAGED_BY: Final = "ipaddress.kubernetes.io/managed-by"
MANAGER: Final = "ipallocator.k8s.io"
KUBERNETES: Final = ("default", "kubernetes")
#: The ServiceCIDR of the flags.
DEFAULT_CIDR: Final = "kubernetes"
_TAKEN: Final = "provided IP is already allocated"
_FAMILY: Final = "ipaddress.kubernetes.io/ip-family"


class AllocationError(Exception):
    """An address or port cannot be allocated. The message is the detail of the cause."""


class RangeFullError(AllocationError):
    """The range has no free address or port."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """An allocated address. is_new: this write allocated it, so undoing the write frees it."""

    address: str
    is_new: bool


class ClusterIpAllocator:
    """Allocates and releases addresses of the cluster's ranges.

    ranges: from the flags, one a family. Addresses come from the ServiceCIDR objects
    that are ready; from the flags' ranges while a new cluster has none.
    """

    def __init__(self, ranges: Sequence[AddressRange], registry: Registry) -> None:
        self.ranges = {address_range.family: address_range for address_range in ranges}
        self.default_family = ranges[0].family
        self._registry = registry

    def known(self, family: str, *, ready: bool) -> list[AddressRange]:
        """Return the ranges of a family. ready: only those that new addresses may come from."""
        store = self._registry.find(GROUP, "servicecidrs")
        objects = store.lister.list() if store is not None else []
        if not objects:
            return [address_range for name, address_range in self.ranges.items() if name == family]
        cidrs = [
            cidr
            for obj in objects
            if not ready or _is_ready(obj)
            for cidr in (obj.get("spec") or {}).get("cidrs") or ()
        ]
        ranges = AddressRange.of_flag(",".join(dict.fromkeys(cidrs)))
        return [address_range for address_range in ranges if address_range.family == family]

    async def take(
        self, namespace: str, name: str, family: str, address: str = "", *, dry_run: bool = False
    ) -> Allocation:
        """Allocate that address, or a free one. Raises AllocationError."""
        ranges = self.known(family, ready=True)
        if dry_run:
            return _choose_without_allocating(ranges, address)
        if address:
            return await self._take_this(namespace, name, ipaddress.ip_address(address), ranges)
        store = self._registry.store(GROUP, "ipaddresses")
        taken = {entry.name for entry in store.cache.select(Selection(""))}
        random.shuffle(ranges)
        for chosen in ranges:
            for candidate in chosen.candidates(taken):
                if await self._create(candidate, namespace, name):
                    return Allocation(str(candidate), is_new=True)
        raise RangeFullError("range is full")

    async def _take_this(
        self, namespace: str, name: str, wanted: Address, ranges: Sequence[AddressRange]
    ) -> Allocation:
        if not any(wanted in address_range for address_range in ranges):
            raise AllocationError("the provided network does not match the current range")
        if await self._create(wanted, namespace, name):
            return Allocation(str(wanted), is_new=True)
        if (namespace, name) == KUBERNETES and await self._owner(str(wanted)) == KUBERNETES:
            # Another server allocated it at start, or one that stopped before it created the service.
            return Allocation(str(wanted), is_new=False)
        raise AllocationError(_TAKEN)

    async def reserve(self, namespace: str, name: str, address: str) -> None:
        """Record that the service has that address. Raises AllocationError if another has it."""
        if not await self._create(ipaddress.ip_address(address), namespace, name):
            raise AllocationError(_TAKEN)

    async def _owner(self, address: str) -> tuple[str, str]:
        store = self._registry.store(GROUP, "ipaddresses")
        try:
            return find_owner(
                await store.get(make_system_context("get", store.resource, "", address), "", address)
            )
        except StatusError as error:
            if error.reason != "NotFound":
                raise
            return "", ""

    async def _create(self, address: Address, namespace: str, name: str) -> bool:
        """Create the IPAddress. False if another service has it."""
        store = self._registry.store(GROUP, "ipaddresses")
        obj = {
            "metadata": {
                "name": str(address),
                "labels": make_labels(address),
            },
            "spec": {
                "parentRef": {"group": "", "resource": "services", "namespace": namespace, "name": name}
            },
        }
        try:
            await store.create(make_system_context("create", store.resource, "", str(address)), "", obj)
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
            return False
        return True

    async def release(self, namespace: str, name: str, address: str) -> None:
        """Release the address if that service has it."""
        store = self._registry.store(GROUP, "ipaddresses")
        try:
            if await self._owner(address) == (namespace, name):
                await store.delete(make_system_context("delete", store.resource, "", address), "", address)
        except StatusError as error:
            if error.reason != "NotFound":
                log.warning("ClusterIP %s of %s/%s was not released: %s", address, namespace, name, error)


def _choose_without_allocating(ranges: Sequence[AddressRange], address: str) -> Allocation:
    """Return the address in the answer to a dry run. It is not checked to be free."""
    if not ranges:
        raise RangeFullError("range is full")
    chosen = ranges[0]
    if address and not any(ipaddress.ip_address(address) in address_range for address_range in ranges):
        raise AllocationError(
            f"the provided IP ({address}) is not in the valid range. "
            f"The range of valid IPs is {chosen.network}"
        )
    return Allocation(address or str(chosen.network.network_address), is_new=False)


def make_labels(address: Address) -> dict[str, str]:
    """Labels of the IPAddress objects of this allocator."""
    return {_FAMILY: f"IPv{address.version}", MANAGED_BY: MANAGER}


def _is_ready(obj: JsonObject) -> bool:
    if obj["metadata"].get("deletionTimestamp"):
        return False
    conditions = (obj.get("status") or {}).get("conditions") or ()
    told = [condition.get("status") == "True" for condition in conditions if condition.get("type") == "Ready"]
    # No controller has checked the ServiceCIDR of a new cluster yet.
    return told[0] if told else bool(obj["metadata"]["name"] == DEFAULT_CIDR)


def find_owner(obj: JsonObject) -> tuple[str, str]:
    """(namespace, name) of the service that an IPAddress belongs to."""
    parent = obj.get("spec", {}).get("parentRef") or {}
    return parent.get("namespace", ""), parent.get("name", "")
