"""Repairs allocations: allocates what services have, and releases what no service has.

Source: upstream pkg/registry/core/service/{portallocator,ipallocator}/controller (the repair loops).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kprov.kube.apiserver.registry.core.service.allocators.allocations import (
    list_cluster_ips,
    list_node_ports,
)
from kprov.kube.apiserver.registry.core.service.allocators.cluster_ip import (
    GROUP,
    MANAGED_BY,
    MANAGER,
    AllocationError,
    ClusterIpAllocator,
    find_owner,
    make_labels,
)
from kprov.kube.apiserver.registry.core.service.allocators.events import Recorder
from kprov.kube.apiserver.registry.core.service.allocators.node_port import NodePortAllocator
from kprov.kube.apiserver.registry.generic.addresses import parse_address
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

#: (what it is, "NAMESPACE/NAME" of the service): an address or a port.
_Leak = tuple[str | int, str]

#: The service of an allocation may be about to be created. If it is still missing after longer than
#: a request may take, the allocation is released.
_SECOND_LOOK_SECONDS: Final = 65.0
_LOOK_SECONDS: Final = 180.0


class Repair:
    """Compares all services with all allocations. It remembers allocations without a service."""

    def __init__(self, registry: Registry, addresses: ClusterIpAllocator, ports: NodePortAllocator) -> None:
        self._registry = registry
        self._addresses = addresses
        self._ports = ports
        self._suspects: set[_Leak] = set()
        self._address_events = Recorder(registry, "ipallocator-repair-controller")
        self._port_events = Recorder(registry, "portallocator-repair-controller")

    async def run(self, done: Callable[[], None]) -> None:
        """Run the post-start hook start-service-ip-repair-controllers."""
        pause = _SECOND_LOOK_SECONDS
        while True:
            try:
                await self.run_once()
            except (StatusError, StorageError) as error:
                log.warning("services and their reservations were not compared: %s", error)
                await asyncio.sleep(1)
                continue
            done()
            await asyncio.sleep(pause)
            pause = _LOOK_SECONDS

    async def run_once(self) -> None:
        """Compare once. Raises StatusError or StorageError if something cannot be read."""
        # Read the allocations first: services created meanwhile are then found, and so are their allocations.
        reserved_ports = dict(await self._ports.reservations())
        reserved_addresses = await self._reserved_addresses()
        store = self._registry.store("", "services")
        services = await store.list(make_system_context("list", store.resource))
        holders = {
            (address, _format_service_name(service))
            for service in services
            for address in list_cluster_ips(service)
        }
        holding: set[_Leak] = set(holders)
        for service in services:
            for address in list_cluster_ips(service):
                await self._check_address(address, service, reserved_addresses.get(address), holders)
            for port in list_node_ports(service):
                holding.add((port, _format_service_name(service)))
                await self._check_port(port, service, reserved_ports.get(port))
        managed = {
            (address, "/".join(find_owner(obj)))
            for address, obj in reserved_addresses.items()
            if (obj["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER
        }
        everything: set[_Leak] = {*reserved_ports.items(), *managed}
        suspects = everything - holding
        for what, who in suspects & self._suspects:
            await self._release_leaked(what, who, reserved_addresses)
        self._suspects = suspects

    async def _reserved_addresses(self) -> dict[str, JsonObject]:
        store = self._registry.store(GROUP, "ipaddresses")
        return {
            obj["metadata"]["name"]: obj
            for obj in await store.list(make_system_context("list", store.resource))
        }

    async def _check_address(
        self, address: str, service: JsonObject, reserved: JsonObject | None, holders: set[tuple[str, str]]
    ) -> None:
        parsed, who = parse_address(address), _format_service_name(service)
        warn = self._address_events.warn
        if parsed is None:
            text = f"Cluster IP {address} is not a valid IP; please recreate Service"
            await warn(service, "ClusterIPNotValid", text)
            return
        family = f"IPv{parsed.version}"
        if not any(
            parsed in address_range.network for address_range in self._addresses.known(family, ready=False)
        ):
            text = f"Cluster IP [{family}]: {address} is not within any configured Service CIDR"
            await warn(service, "ClusterIPOutOfRange", f"{text}; please recreate service")
            return
        if reserved is None:
            # A service that was created since the allocations were read has it.
            if await self._reserve(address, service):
                text = f"Cluster IP [{family}]: {address} is not allocated; repairing"
                await warn(service, "ClusterIPNotAllocated", text)
            return
        reserved_by = "/".join(find_owner(reserved))
        if reserved_by != who:
            if (address, reserved_by) in holders:
                text = f"Cluster IP [{family}]:{address} was assigned to multiple services"
                await warn(service, "ClusterIPAlreadyAllocated", f"{text}; please recreate service")
                return
            text = f"the ClusterIP [{family}]: {address} for Service {who} has a wrong reference; repairing"
            await warn(service, "ClusterIPNotAllocated", text)
        elif make_labels(parsed).items() <= (reserved["metadata"].get("labels") or {}).items():
            return
        store = self._registry.store(GROUP, "ipaddresses")
        await store.delete(make_system_context("delete", store.resource, "", address), "", address)
        await self._reserve(address, service)

    async def _reserve(self, address: str, service: JsonObject) -> bool:
        """Allocate an address that a service has. True if it was free."""
        metadata = service["metadata"]
        try:
            await self._addresses.reserve(metadata["namespace"], metadata["name"], address)
        except AllocationError as error:
            # Another server repairs the same allocation.
            log.info("ClusterIP %s of service %s: %s", address, _format_service_name(service), error)
            return False
        return True

    async def _check_port(self, port: int, service: JsonObject, reserved_by: str | None) -> None:
        who, warn = _format_service_name(service), self._port_events.warn
        if reserved_by == who:
            return
        if reserved_by is not None:
            text = f"Port {port} was assigned to multiple services; please recreate service"
            await warn(service, "PortAlreadyAllocated", text)
            return
        namespace, _, name = who.partition("/")
        if port not in self._ports.ports:
            text = f"Port {port} is not within the port range {self._ports.ports}; please recreate service"
            await warn(service, "PortOutOfRange", text)
            return
        try:
            await self._ports.take(namespace, name, port)
        except AllocationError as error:
            log.info("node port %d of service %s: %s", port, who, error)
        else:
            await warn(service, "PortNotAllocated", f"Port {port} is not allocated; repairing")

    async def _release_leaked(self, what: str | int, who: str, reserved: dict[str, JsonObject]) -> None:
        namespace, _, name = who.partition("/")
        if isinstance(what, int):
            log.info("port %d is reserved for service %s, which does not hold it: freed", what, who)
            await self._ports.release(namespace, name, what)
            return
        parent = (reserved[what].get("spec") or {}).get("parentRef") or {}
        if (parent.get("group", ""), parent.get("resource")) != ("", "services"):
            text = f"IPAddress {what} appears to have been modified, not referencing a Service: cleaning up"
        else:
            text = f"IPAddress: {what} for Service {who} appears to have leaked: cleaning up"
        await self._address_events.warn(reserved[what], "IPAddressNotAllocated", text)
        await self._addresses.release(namespace, name, what)


def _format_service_name(service: JsonObject) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"
