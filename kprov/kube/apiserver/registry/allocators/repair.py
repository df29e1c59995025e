"""Brings reservations and services back together: what services hold is reserved, what nobody holds is freed.

Source: upstream pkg/registry/core/service/{portallocator,ipallocator}/controller (the repair loops).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from typing import Any, Final

from kprov.kube.apiserver.registry.allocators.cluster_ip import (
    GROUP,
    MANAGED_BY,
    MANAGER,
    AllocationError,
    ClusterIpAllocator,
    owner,
)
from kprov.kube.apiserver.registry.allocators.held import held_addresses, held_ports
from kprov.kube.apiserver.registry.allocators.node_port import NodePortAllocator
from kprov.kube.apiserver.registry.store import Registry, system_context
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

Object = dict[str, Any]
#: (what it is, "NAMESPACE/NAME" of the service): an address or a port.
_Leak = tuple[str | int, str]

#: A reservation without its service is being made right now, or is left over; seen twice, it is left over.
_SECOND_LOOK_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 180.0


class Repair:
    """Looks at all services and reservations; keeps in mind what looked left over."""

    def __init__(self, registry: Registry, addresses: ClusterIpAllocator, ports: NodePortAllocator) -> None:
        self._registry = registry
        self._addresses = addresses
        self._ports = ports
        self._suspects: set[_Leak] = set()

    async def run(self, done: Callable[[], None]) -> None:
        """The post-start hook start-service-ip-repair-controllers."""
        pause = _SECOND_LOOK_SECONDS
        while True:
            try:
                await self.look()
            except (StatusError, StorageError) as error:
                log.warning("services and their reservations were not compared: %s", error)
                await asyncio.sleep(1)
                continue
            done()
            await asyncio.sleep(pause)
            pause = _LOOK_SECONDS

    async def look(self) -> None:
        """One comparison. Raises StatusError, StorageError when something cannot be read."""
        # Reservations first: a service made meanwhile is then seen, and so is what it holds.
        reserved_ports = dict(await self._ports.reservations())
        reserved_addresses = await self._reserved_addresses()
        store = self._registry.store("", "services")
        services = await store.list(system_context("list", store.resource))
        holding: set[_Leak] = set()
        for service in services:
            who = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
            for address in held_addresses(service):
                holding.add((address, who))
                await self._reserve_address(address, who, reserved_addresses.get(address))
            for port in held_ports(service):
                holding.add((port, who))
                await self._reserve_port(port, who, reserved_ports.get(port))
        everything: set[_Leak] = {*reserved_ports.items(), *reserved_addresses.items()}
        suspects = everything - holding
        for what, who in suspects & self._suspects:
            await self._free(what, who)
        self._suspects = suspects

    async def _reserved_addresses(self) -> dict[str, str]:
        store = self._registry.store(GROUP, "ipaddresses")
        return {
            obj["metadata"]["name"]: "/".join(owner(obj))
            for obj in await store.list(system_context("list", store.resource))
            if (obj["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER
        }

    async def _reserve_address(self, address: str, who: str, reserved_by: str | None) -> None:
        if reserved_by == who:
            return
        if reserved_by is not None:
            log.warning(
                "ClusterIP %s of service %s belongs to %s: give it a new one", address, who, reserved_by
            )
            return
        namespace, _, name = who.partition("/")
        family = f"IPv{ipaddress.ip_address(address).version}"
        try:
            if family in self._addresses.ranges:
                await self._addresses.take(namespace, name, family, address)
        except AllocationError as error:
            log.warning("ClusterIP %s of service %s: %s", address, who, error)

    async def _reserve_port(self, port: int, who: str, reserved_by: str | None) -> None:
        if reserved_by == who:
            return
        if reserved_by is not None:
            log.warning("node port %d of service %s belongs to %s: give it a new one", port, who, reserved_by)
            return
        namespace, _, name = who.partition("/")
        try:
            await self._ports.take(namespace, name, port)
        except AllocationError as error:
            log.warning("node port %d of service %s: %s", port, who, error)

    async def _free(self, what: str | int, who: str) -> None:
        namespace, _, name = who.partition("/")
        log.info("%s is reserved for service %s, which does not hold it: freed", what, who)
        if isinstance(what, int):
            await self._ports.release(namespace, name, what)
        else:
            await self._addresses.release(namespace, name, what)
