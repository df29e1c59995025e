"""ClusterIPs: each given one is an IPAddress object, which storage creates only once.

Source: upstream pkg/registry/core/service/ipallocator (IPAddress objects as the record of what is taken).
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.apiserver.registry.allocators.address_range import Address, AddressRange
from kprov.kube.apiserver.registry.store import Registry, system_context
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

Object = dict[str, Any]

GROUP: Final = "networking.k8s.io"
MANAGED_BY: Final = "ipaddress.kubernetes.io/managed-by"
MANAGER: Final = "ipallocator.k8s.io"
KUBERNETES: Final = ("default", "kubernetes")
_TAKEN: Final = "provided IP is already allocated"
_FAMILY: Final = "ipaddress.kubernetes.io/ip-family"


class AllocationError(Exception):
    """The wanted address or port cannot be given; the text is the cause's detail."""


class RangeFullError(AllocationError):
    """Nothing is left in the range."""


@dataclass(frozen=True, slots=True)
class Given:
    """An address for a service. `is_new`: it was not the service's before, so undoing the write frees it."""

    address: str
    is_new: bool


class ClusterIpAllocator:
    """Gives and takes back addresses of the cluster's ranges, by family."""

    def __init__(self, ranges: Sequence[AddressRange], registry: Registry) -> None:
        self.ranges = {each.family: each for each in ranges}
        self.default_family = ranges[0].family
        self._registry = registry

    async def take(
        self, namespace: str, name: str, family: str, address: str = "", *, dry_run: bool = False
    ) -> Given:
        """Give the service that address, or a free one. AllocationError: it cannot be given."""
        chosen = self.ranges[family]
        store = self._registry.store(GROUP, "ipaddresses")
        if address:
            wanted = ipaddress.ip_address(address)
            if wanted not in chosen:
                raise AllocationError(
                    f"the provided IP ({wanted}) is not in the valid range. "
                    f"The range of valid IPs is {chosen.network}"
                )
            if dry_run:
                if store.lister.get("", str(wanted)) is not None:
                    raise AllocationError(_TAKEN)
                return Given(str(wanted), is_new=False)
            if await self._create(chosen, wanted, namespace, name):
                return Given(str(wanted), is_new=True)
            if (namespace, name) == KUBERNETES and await self._owner(str(wanted)) == KUBERNETES:
                # Left by a server that ended before the service was there, or all servers start at once.
                return Given(str(wanted), is_new=False)
            raise AllocationError(_TAKEN)
        taken = {obj["metadata"]["name"] for obj in store.lister.list()}
        for candidate in chosen.candidates(taken):
            if await self._create(chosen, candidate, namespace, name):
                return Given(str(candidate), is_new=True)
        raise RangeFullError("range is full")

    async def _owner(self, address: str) -> tuple[str, str]:
        store = self._registry.store(GROUP, "ipaddresses")
        try:
            return owner(await store.get(system_context("get", store.resource, "", address), "", address))
        except StatusError as error:
            if error.reason != "NotFound":
                raise
            return "", ""

    async def _create(self, chosen: AddressRange, address: Address, namespace: str, name: str) -> bool:
        """False: another service has it."""
        store = self._registry.store(GROUP, "ipaddresses")
        obj = {
            "metadata": {
                "name": str(address),
                "labels": {_FAMILY: chosen.family, MANAGED_BY: MANAGER},
            },
            "spec": {
                "parentRef": {"group": "", "resource": "services", "namespace": namespace, "name": name}
            },
        }
        try:
            await store.create(system_context("create", store.resource, "", str(address)), "", obj)
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
            return False
        return True

    async def release(self, namespace: str, name: str, address: str) -> None:
        """Take the address back, if that service is the one that has it."""
        store = self._registry.store(GROUP, "ipaddresses")
        try:
            if await self._owner(address) == (namespace, name):
                await store.delete(system_context("delete", store.resource, "", address), "", address)
        except StatusError as error:
            if error.reason != "NotFound":
                log.warning("ClusterIP %s of %s/%s was not released: %s", address, namespace, name, error)


def owner(obj: Object) -> tuple[str, str]:
    """(namespace, name) of the service that an IPAddress belongs to."""
    parent = obj.get("spec", {}).get("parentRef") or {}
    return parent.get("namespace", ""), parent.get("name", "")
