"""Allocates the cluster IPs and node ports that a write of a service needs.

Source: upstream pkg/registry/core/service/storage/alloc.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from kprov.kube.apiserver.registry.core.service import ip_families, service_types
from kprov.kube.apiserver.registry.core.service.allocators.allocations import HEADLESS, list_node_ports
from kprov.kube.apiserver.registry.core.service.allocators.cluster_ip import (
    AllocationError,
    ClusterIpAllocator,
    RangeFullError,
)
from kprov.kube.apiserver.registry.core.service.allocators.node_port import NodePortAllocator
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

Release = Callable[[], Awaitable[None]]


class WriteAllocations:
    """What one write of a service allocates. `release_all` gives it back if the write fails."""

    def __init__(
        self,
        addresses: ClusterIpAllocator,
        ports: NodePortAllocator,
        obj: JsonObject,
        old: JsonObject | None,
        *,
        dry_run: bool,
    ) -> None:
        self._releases: list[Release] = []
        self._addresses, self._ports = addresses, ports
        self._obj, self._spec = obj, obj["spec"]
        self._old: JsonObject | None = old["spec"] if old else None
        # This runs before validation, so a name may be missing.
        self._namespace, self._name = obj["metadata"]["namespace"], obj["metadata"].get("name", "")
        self._dry_run = dry_run
        #: Node ports in the answer to a dry run.
        self._pretended: set[int] | None = set() if dry_run else None
        self._had = set(list_node_ports(old)) if old else set()

    async def allocate_cluster_ips(self) -> None:
        """Allocate the cluster IPs that the service needs and does not have."""
        spec, old = self._spec, self._old
        addresses: list[str] = list(spec.get("clusterIPs") or ())
        if not service_types.needs_cluster_ip(spec) or addresses[:1] == [HEADLESS]:
            return
        wanted: list[str] = spec["ipFamilies"]
        first = 0
        if old is not None and service_types.needs_cluster_ip(old):
            is_upgrade = len(old.get("ipFamilies") or ()) == 1 and len(wanted) == 2
            if (
                old.get("clusterIP") == HEADLESS
                or not is_upgrade
                or ip_families.keeps_preferred_families(spec, old)
            ):
                return
            first = 1
        for index in range(first, len(wanted)):
            asked = addresses[index] if index < len(addresses) else ""
            addresses[index : index + 1] = [await self._allocate_cluster_ip(wanted[index], asked, addresses)]
        spec["clusterIPs"], spec["clusterIP"] = addresses, addresses[0]

    async def _allocate_cluster_ip(self, family: str, asked: str, shown: list[str]) -> str:
        try:
            allocation = await self._addresses.take(
                self._namespace, self._name, family, asked, dry_run=self._dry_run
            )
        except AllocationError as error:
            text = f"failed to allocate IP {asked}: {error}" if asked else f"failed to allocate IP: {error}"
            raise_if_invalid(self._obj, [field.invalid("spec.clusterIPs", shown, text)])
            raise AssertionError from error
        if allocation.is_new:
            release = self._addresses.release
            self._releases.append(make_release(release, self._namespace, self._name, allocation.address))
        return allocation.address

    async def allocate_ports(self) -> None:
        """Allocate the node ports and the health check port that the service needs and does not have."""
        if service_types.may_have_node_port(self._spec):
            await (self._allocate_new_ports() if self._old is None else self._allocate_changed_ports())
        if service_types.needs_health_check_port(self._spec):
            await self._allocate_health_check_port()

    async def _allocate_new_ports(self) -> None:
        """Allocate node ports. TCP and UDP of one port share a node port unless the spec says otherwise."""
        ports: list[JsonObject] = self._spec.get("ports") or []
        shared: dict[int, int] = {}
        for index, port in enumerate(ports):
            asked, number = port.get("nodePort") or 0, shared.get(port.get("port", 0), 0)
            if not asked and not service_types.needs_node_port(self._spec):
                continue
            if not number:
                same = (
                    other.get("nodePort") or 0 for other in ports if other.get("port") == port.get("port")
                )
                asked = next((number for number in same if number), 0)
                shared[port.get("port", 0)] = port["nodePort"] = await self._allocate_node_port(index, asked)
            elif not asked:
                port["nodePort"] = number
            elif asked != number:
                await self._allocate_node_port(index, asked)

    async def _allocate_changed_ports(self) -> None:
        seen: set[tuple[str, int]] = set()
        for index, port in enumerate(self._spec.get("ports") or ()):
            asked = port.get("nodePort") or 0
            if not asked and not service_types.needs_node_port(self._spec):
                continue
            if asked not in self._had:
                port["nodePort"] = await self._allocate_node_port(index, asked)
                self._had |= {asked} - {0}
            key = (port["protocol"], port["nodePort"])
            if key in seen:
                # Upstream answers 500 here.
                raise status.bad_request(f"duplicate nodePort: {{{key[0]} {key[1]}}}")
            seen.add(key)

    async def _allocate_health_check_port(self) -> None:
        if self._old is not None and service_types.needs_health_check_port(self._old):
            return
        asked = self._spec.get("healthCheckNodePort") or 0
        try:
            self._spec["healthCheckNodePort"] = await self._take_port(asked)
        except AllocationError as error:
            text = f"failed to allocate requested HealthCheck NodePort {asked}: {error}"
            raise status.internal_error(text) from error

    async def _allocate_node_port(self, index: int, asked: int) -> int:
        try:
            return await self._take_port(asked)
        except RangeFullError as error:
            raise status.internal_error(f"failed to allocate a nodePort: {error}") from error
        except AllocationError as error:
            raise_if_invalid(self._obj, [field.invalid(f"spec.ports[{index}].nodePort", asked, str(error))])
            raise AssertionError from error

    async def _take_port(self, asked: int) -> int:
        port = await self._ports.take(self._namespace, self._name, asked, self._pretended)
        if not self._dry_run:
            self._releases.append(make_release(self._ports.release, self._namespace, self._name, port))
        return port

    async def release_all(self) -> None:
        """Release what this write has allocated."""
        await run_releases(self._releases)


def make_release(release: Callable[[str, str, Any], Awaitable[None]], *arguments: Any) -> Release:
    """Return a call that releases an address or a port."""

    async def call() -> None:
        await release(*arguments)

    return call


async def run_releases(releases: list[Release]) -> None:
    """Release one after the other."""
    for release in releases:
        await release()


def raise_if_invalid(obj: JsonObject, errors: list[FieldError]) -> None:
    """Raise StatusError 422 if there are errors."""
    if errors:
        raise status.invalid("", "Service", obj["metadata"].get("name", ""), errors)
