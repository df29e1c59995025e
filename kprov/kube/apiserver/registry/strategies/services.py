"""Services: strategy, and the hooks that give them ClusterIPs and node ports.

Source: upstream pkg/registry/core/service/strategy.go, storage/{storage,alloc}.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kprov.kube.apiserver.registry.allocators.cluster_ip import AllocationError, ClusterIpAllocator
from kprov.kube.apiserver.registry.allocators.held import HEADLESS, held_addresses, held_ports
from kprov.kube.apiserver.registry.allocators.node_port import NodePortAllocator
from kprov.kube.apiserver.registry.hooks import Finish, Hooks
from kprov.kube.apiserver.registry.store import unavailable
from kprov.kube.apiserver.registry.strategies import service_defaults as defaults
from kprov.kube.apiserver.registry.strategies import service_rules as rules
from kprov.kube.apiserver.registry.strategies import status_rules
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.status import StatusError

Object = dict[str, Any]
_Release = Callable[[], Awaitable[None]]


class ServiceStrategy(ResourceStrategy):
    def default(self, obj: Object) -> None:
        defaults.default(obj)

    def prepare_for_create(self, context: RequestContext, obj: Object) -> None:
        super().prepare_for_create(context, obj)
        obj["status"] = {"loadBalancer": {}}
        defaults.normalize_cluster_ips(obj["spec"], None)

    def prepare_for_update(self, context: RequestContext, obj: Object, old: Object) -> None:
        super().prepare_for_update(context, obj, old)
        spec, before = obj["spec"], old["spec"]
        defaults.normalize_cluster_ips(spec, before)
        defaults.keep_allocated(spec, before)
        defaults.drop_type_dependent(spec, before)

    def selectable_fields(self, obj: Object) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.clusterIP": spec.get("clusterIP", ""), "spec.type": spec.get("type", "")}

    def validate(self, obj: Object) -> list[FieldError]:
        return list(rules.service(obj))

    def warnings(self, obj: Object, old: Object | None) -> list[str]:
        return rules.warnings(obj)

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return list(rules.service_update(obj, old))

    def validate_status_update(self, obj: Object, old: Object) -> list[FieldError]:
        return list(status_rules.service(obj, old))


class ServiceHooks(Hooks):
    """Take what the service needs right before it is stored; give back what it then does not have."""

    def __init__(self, addresses: ClusterIpAllocator, ports: NodePortAllocator) -> None:
        self._addresses = addresses
        self._ports = ports

    async def begin_create(self, context: RequestContext, obj: Object) -> Finish:
        return await self._begin(context, obj, None)

    async def begin_update(self, context: RequestContext, obj: Object, old: Object) -> Finish:
        return await self._begin(context, obj, old)

    async def after_delete(self, context: RequestContext, obj: Object) -> None:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        for address in held_addresses(obj):
            await self._addresses.release(namespace, name, address)
        for port in held_ports(obj):
            await self._ports.release(namespace, name, port)

    async def _begin(self, context: RequestContext, obj: Object, old: Object | None) -> Finish:
        taken: list[_Release] = []
        try:
            self._families(obj, old)
            await self._take_addresses(obj, old, taken, dry_run=context.dry_run)
            await self._take_ports(obj, old, taken, dry_run=context.dry_run)
        except StorageError as error:
            await _all(taken)
            raise unavailable(error) from error
        except StatusError:
            await _all(taken)
            raise
        freed = self._freed(obj, old)

        async def finish(stored: bool) -> None:
            await _all(freed if stored else taken)

        return finish

    def _families(self, obj: Object, old: Object | None) -> None:
        """Fill in ipFamilyPolicy and ipFamilies, as upstream's initIPFamilyFields."""
        spec = obj["spec"]
        if not defaults.needs_cluster_ip(spec):
            return
        given = [address for address in spec.get("clusterIPs") or () if address != HEADLESS]
        selectorless = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
        if not spec.get("ipFamilyPolicy"):
            before = ((old or {}).get("spec") or {}).get("ipFamilyPolicy")
            spec["ipFamilyPolicy"] = before or ("RequireDualStack" if selectorless else "SingleStack")
        if not spec.get("ipFamilies"):
            spec["ipFamilies"] = [f"IPv{ipaddress.ip_address(each).version}" for each in given] or [
                self._addresses.default_family
            ]
        families: list[str] = spec["ipFamilies"]
        other = "IPv6" if families[0] == "IPv4" else "IPv4"
        if selectorless:
            if len(families) == 1 and spec["ipFamilyPolicy"] != "SingleStack":
                families.append(other)
            return
        errors: list[FieldError] = []
        known = self._addresses.ranges
        if spec["ipFamilyPolicy"] == "RequireDualStack" and len(known) < 2:
            text = "this cluster is not configured for dual-stack services"
            errors.append(field.invalid("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], text))
        errors += [
            field.invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")
            for index, family in enumerate(families)
            if family not in known
        ]
        _refuse(obj, errors)
        if spec["ipFamilyPolicy"] != "SingleStack" and len(families) == 1 and other in known:
            families.append(other)

    async def _take_addresses(
        self, obj: Object, old: Object | None, taken: list[_Release], *, dry_run: bool
    ) -> None:
        spec, metadata = obj["spec"], obj["metadata"]
        if not defaults.needs_cluster_ip(spec) or spec.get("clusterIP") == HEADLESS:
            return
        namespace, name = metadata["namespace"], metadata["name"]
        had = set(held_addresses(old)) if old else set()
        addresses: list[str] = list(spec.get("clusterIPs") or ())
        for index, family in enumerate(spec["ipFamilies"]):
            wanted = addresses[index] if index < len(addresses) else ""
            if wanted and wanted in had:
                continue
            try:
                given = await self._addresses.take(namespace, name, family, wanted, dry_run=dry_run)
            except AllocationError as error:
                text = (
                    f"failed to allocate IP {wanted}: {error}"
                    if wanted
                    else f"failed to allocate IP: {error}"
                )
                _refuse(obj, [field.invalid("spec.clusterIPs", addresses, text)])
                raise AssertionError from error
            if given.is_new:
                taken.append(_releasing(self._addresses.release, namespace, name, given.address))
            addresses[index : index + 1] = [given.address]
        if addresses:
            spec["clusterIPs"], spec["clusterIP"] = addresses, addresses[0]

    async def _take_ports(
        self, obj: Object, old: Object | None, taken: list[_Release], *, dry_run: bool
    ) -> None:
        spec, metadata = obj["spec"], obj["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        had = set(held_ports(old)) if old else set()
        # (port, protocol) to node port: TCP and UDP of one port share a node port where they can.
        shared: dict[int, tuple[int, set[str]]] = {}
        pretended: set[int] | None = set() if dry_run else None
        for index, port in enumerate(spec.get("ports") or ()):
            wanted = port.get("nodePort", 0)
            if not wanted and not defaults.needs_node_port(spec):
                continue
            if not wanted:
                number, protocols = shared.get(port["port"], (0, set()))
                if number and port["protocol"] not in protocols:
                    port["nodePort"] = number
                    protocols.add(port["protocol"])
                    continue
            if wanted not in had:
                try:
                    given = await self._ports.take(namespace, name, wanted, pretended)
                except AllocationError as error:
                    _refuse(obj, [field.invalid(f"spec.ports[{index}].nodePort", wanted, str(error))])
                    raise AssertionError from error
                if not dry_run:
                    taken.append(_releasing(self._ports.release, namespace, name, given))
                had.add(given)
                port["nodePort"] = given
            shared[port["port"]] = (port["nodePort"], {port["protocol"]})
        if defaults.needs_health_check_port(spec):
            wanted = spec.get("healthCheckNodePort", 0)
            if not wanted or wanted not in had:
                try:
                    given = await self._ports.take(namespace, name, wanted, pretended)
                except AllocationError as error:
                    text = f"failed to allocate requested HealthCheck NodePort {wanted}: {error}"
                    raise status.internal_error(text) from error
                if not dry_run:
                    taken.append(_releasing(self._ports.release, namespace, name, given))
                spec["healthCheckNodePort"] = given

    def _freed(self, obj: Object, old: Object | None) -> list[_Release]:
        if old is None:
            return []
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        addresses = set(held_addresses(old)) - set(held_addresses(obj))
        ports = set(held_ports(old)) - set(held_ports(obj))
        return [_releasing(self._addresses.release, namespace, name, each) for each in addresses] + [
            _releasing(self._ports.release, namespace, name, each) for each in ports
        ]


def _releasing(release: Callable[[str, str, Any], Awaitable[None]], *arguments: Any) -> _Release:
    async def call() -> None:
        await release(*arguments)

    return call


async def _all(releases: list[_Release]) -> None:
    for release in releases:
        await release()


def _refuse(obj: Object, errors: list[FieldError]) -> None:
    if errors:
        raise status.invalid("", "Service", obj["metadata"]["name"], errors)
