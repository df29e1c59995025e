"""Allocates cluster IPs and node ports around writes of services, and releases them.

Source: upstream pkg/registry/core/service/storage/{storage,alloc}.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from kprov.kube.apiserver.registry.core.service import ip_families, service_types, update
from kprov.kube.apiserver.registry.core.service.allocators.allocations import (
    HEADLESS,
    list_cluster_ips,
    list_node_ports,
)
from kprov.kube.apiserver.registry.core.service.allocators.cluster_ip import (
    AllocationError,
    ClusterIpAllocator,
    RangeFullError,
)
from kprov.kube.apiserver.registry.core.service.allocators.node_port import NodePortAllocator
from kprov.kube.apiserver.registry.generic.hooks import Finish, Hooks
from kprov.kube.apiserver.registry.generic.read_store import make_unavailable_error
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

_Release = Callable[[], Awaitable[None]]


class ServiceHooks(Hooks):
    """Allocate what a service needs before validation. Release what it does not have in the end."""

    def __init__(self, addresses: ClusterIpAllocator, ports: NodePortAllocator) -> None:
        self._addresses = addresses
        self._ports = ports

    async def begin_create(self, context: RequestContext, obj: JsonObject) -> Finish:
        update.normalize_cluster_ips(obj["spec"], None)
        return await self._begin(context, obj, None)

    async def begin_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> Finish:
        update.keep_allocated(obj["spec"], old["spec"])
        update.normalize_cluster_ips(obj["spec"], old["spec"])
        return await self._begin(context, obj, old)

    async def after_delete(self, context: RequestContext, obj: JsonObject) -> None:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        for address in list_cluster_ips(obj):
            await self._addresses.release(namespace, name, address)
        for port in list_node_ports(obj):
            await self._ports.release(namespace, name, port)

    async def _begin(self, context: RequestContext, obj: JsonObject, old: JsonObject | None) -> Finish:
        known, default = self._addresses.ranges, self._addresses.default_family
        _raise_if_invalid(
            obj, ip_families.fill_ip_families(obj["spec"], (old or {}).get("spec"), known, default)
        )
        taking = _ServiceAllocations(self._addresses, self._ports, obj, old, dry_run=context.dry_run)
        try:
            await taking.addresses()
            await taking.ports()
        except StorageError as error:
            await _run_all(taking.taken)
            raise make_unavailable_error(error) from error
        except StatusError:
            await _run_all(taking.taken)
            raise

        async def finish(stored: bool) -> None:
            await _run_all(self._list_releases(obj, old) if stored else taking.taken)

        return finish

    def _list_releases(self, obj: JsonObject, old: JsonObject | None) -> list[_Release]:
        if old is None:
            return []
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        addresses = set(list_cluster_ips(old)) - set(list_cluster_ips(obj))
        ports = set(list_node_ports(old)) - set(list_node_ports(obj))
        return [_make_release(self._addresses.release, namespace, name, address) for address in addresses] + [
            _make_release(self._ports.release, namespace, name, port) for port in ports
        ]


class _ServiceAllocations:
    """The allocations of one write. `taken` releases them."""

    def __init__(
        self,
        addresses: ClusterIpAllocator,
        ports: NodePortAllocator,
        obj: JsonObject,
        old: JsonObject | None,
        *,
        dry_run: bool,
    ) -> None:
        self.taken: list[_Release] = []
        self._addresses, self._ports = addresses, ports
        self._obj, self._spec = obj, obj["spec"]
        self._old: JsonObject | None = old["spec"] if old else None
        # This runs before validation, so a name may be missing.
        self._namespace, self._name = obj["metadata"]["namespace"], obj["metadata"].get("name", "")
        self._dry_run = dry_run
        #: Node ports in the answer to a dry run.
        self._pretended: set[int] | None = set() if dry_run else None
        self._had = set(list_node_ports(old)) if old else set()

    async def addresses(self) -> None:
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
            addresses[index : index + 1] = [await self._address(wanted[index], asked, addresses)]
        spec["clusterIPs"], spec["clusterIP"] = addresses, addresses[0]

    async def _address(self, family: str, asked: str, shown: list[str]) -> str:
        try:
            given = await self._addresses.take(
                self._namespace, self._name, family, asked, dry_run=self._dry_run
            )
        except AllocationError as error:
            text = f"failed to allocate IP {asked}: {error}" if asked else f"failed to allocate IP: {error}"
            _raise_if_invalid(self._obj, [field.invalid("spec.clusterIPs", shown, text)])
            raise AssertionError from error
        if given.is_new:
            release = self._addresses.release
            self.taken.append(_make_release(release, self._namespace, self._name, given.address))
        return given.address

    async def ports(self) -> None:
        if service_types.may_have_node_port(self._spec):
            await (self._new_ports() if self._old is None else self._changed_ports())
        if service_types.needs_health_check_port(self._spec):
            await self._health_check_port()

    async def _new_ports(self) -> None:
        """Allocate node ports. TCP and UDP of one port share a node port unless the spec says otherwise."""
        ports: list[JsonObject] = self._spec.get("ports") or []
        shared: dict[int, int] = {}
        for index, port in enumerate(ports):
            asked, number = port.get("nodePort") or 0, shared.get(port.get("port", 0), 0)
            if not asked and not service_types.needs_node_port(self._spec):
                continue
            if not number:
                same = (each.get("nodePort") or 0 for each in ports if each.get("port") == port.get("port"))
                asked = next((each for each in same if each), 0)
                shared[port.get("port", 0)] = port["nodePort"] = await self._port(index, asked)
            elif not asked:
                port["nodePort"] = number
            elif asked != number:
                await self._port(index, asked)

    async def _changed_ports(self) -> None:
        seen: set[tuple[str, int]] = set()
        for index, port in enumerate(self._spec.get("ports") or ()):
            asked = port.get("nodePort") or 0
            if not asked and not service_types.needs_node_port(self._spec):
                continue
            if asked not in self._had:
                port["nodePort"] = await self._port(index, asked)
                self._had |= {asked} - {0}
            key = (port["protocol"], port["nodePort"])
            if key in seen:
                # Upstream answers 500 here.
                raise status.bad_request(f"duplicate nodePort: {{{key[0]} {key[1]}}}")
            seen.add(key)

    async def _health_check_port(self) -> None:
        if self._old is not None and service_types.needs_health_check_port(self._old):
            return
        asked = self._spec.get("healthCheckNodePort") or 0
        try:
            self._spec["healthCheckNodePort"] = await self._take_port(asked)
        except AllocationError as error:
            text = f"failed to allocate requested HealthCheck NodePort {asked}: {error}"
            raise status.internal_error(text) from error

    async def _port(self, index: int, asked: int) -> int:
        try:
            return await self._take_port(asked)
        except RangeFullError as error:
            raise status.internal_error(f"failed to allocate a nodePort: {error}") from error
        except AllocationError as error:
            _raise_if_invalid(self._obj, [field.invalid(f"spec.ports[{index}].nodePort", asked, str(error))])
            raise AssertionError from error

    async def _take_port(self, asked: int) -> int:
        given = await self._ports.take(self._namespace, self._name, asked, self._pretended)
        if not self._dry_run:
            self.taken.append(_make_release(self._ports.release, self._namespace, self._name, given))
        return given


def _make_release(release: Callable[[str, str, Any], Awaitable[None]], *arguments: Any) -> _Release:
    async def call() -> None:
        await release(*arguments)

    return call


async def _run_all(releases: list[_Release]) -> None:
    for release in releases:
        await release()


def _raise_if_invalid(obj: JsonObject, errors: list[FieldError]) -> None:
    if errors:
        raise status.invalid("", "Service", obj["metadata"].get("name", ""), errors)
