"""The hooks of services: allocate cluster IPs and node ports before a write, release them afterwards.

Source: upstream pkg/registry/core/service/storage/{storage,alloc}.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.core.service import ip_families, update
from kprov.kube.apiserver.registry.core.service.allocators.allocations import (
    list_cluster_ips,
    list_node_ports,
)
from kprov.kube.apiserver.registry.core.service.allocators.cluster_ip import ClusterIpAllocator
from kprov.kube.apiserver.registry.core.service.allocators.node_port import NodePortAllocator
from kprov.kube.apiserver.registry.core.service.write_allocations import (
    Release,
    WriteAllocations,
    make_release,
    raise_if_invalid,
    run_releases,
)
from kprov.kube.apiserver.registry.generic.hooks import Finish, Hooks
from kprov.kube.apiserver.registry.generic.read_store import make_unavailable_error
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError


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
        ranges, family = self._addresses.ranges, self._addresses.default_family
        raise_if_invalid(
            obj, ip_families.fill_ip_families(obj["spec"], (old or {}).get("spec"), ranges, family)
        )
        allocations = WriteAllocations(self._addresses, self._ports, obj, old, dry_run=context.dry_run)
        try:
            await allocations.allocate_cluster_ips()
            await allocations.allocate_ports()
        except StorageError as error:
            await allocations.release_all()
            raise make_unavailable_error(error) from error
        except StatusError:
            await allocations.release_all()
            raise

        async def finish(stored: bool) -> None:
            if stored:
                await run_releases(self._list_releases(obj, old))
            else:
                await allocations.release_all()

        return finish

    def _list_releases(self, obj: JsonObject, old: JsonObject | None) -> list[Release]:
        if old is None:
            return []
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        addresses = set(list_cluster_ips(old)) - set(list_cluster_ips(obj))
        ports = set(list_node_ports(old)) - set(list_node_ports(obj))
        return [make_release(self._addresses.release, namespace, name, address) for address in addresses] + [
            make_release(self._ports.release, namespace, name, port) for port in ports
        ]
