"""The endpoint slice controller (pkg/controller/endpointslice)."""

from typing import Final

from kprov.kube.api.core import Node, Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.endpoints import slice_plan
from kprov.kube.controller_manager.endpoints.services import ServiceController
from kprov.kube.controller_manager.endpoints.slice_metrics import SliceMetrics
from kprov.kube.controller_manager.endpoints.slice_writer import PATIENCE_SECONDS, SliceWriter
from kprov.kube.controller_manager.framework.controller import Context
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference

ZONE: Final = "topology.kubernetes.io/zone"


class EndpointSliceController(ServiceController):
    """Writes the slices of every service that has a selector."""

    name = "endpoint_slice"
    batch_period = "endpointslice_updates_batch_period"
    concurrency = "concurrent_service_endpoint_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._limit: int = context.options.max_endpoints_per_slice
        self._metrics = SliceMetrics(self._limit)
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._slices = context.informers.informer(
            "discovery.k8s.io",
            "v1",
            "endpointslices",
            EndpointSlice,
            indexers={"service": _get_service_key},
        )
        self._writer = SliceWriter(
            self._slices, self.resource_of(self._slices), _get_service_key, self.queue.add
        )
        self._nodes.add_handler(on_update=self._handle_node_update)

    async def sync(self, key: str) -> None:
        service = self.services.get(*split_key(key))
        if service is None:
            # The service owns its slices: the garbage collector deletes them.
            self._writer.forget(key)
            self._metrics.forget(key)
            return
        if not service.spec.selector or service.spec.type == "ExternalName":
            return
        if self._writer.is_stale(key):
            self._metrics.count_sync("stale")
            self.queue.add_after(key, PATIENCE_SECONDS)
            return
        try:
            await self._write_slices(key, service)
        except BaseException:
            self._metrics.count_sync("error")
            raise
        self._metrics.count_sync("success")

    async def _write_slices(self, key: str, service: Service) -> None:
        pods = self.list_pods(service)
        existing = self._slices.by_index("service", key)
        wanted_families = slice_plan.list_families(service)
        for endpoint_slice in existing:
            if endpoint_slice.address_type not in wanted_families:
                await self._writer.delete(key, endpoint_slice)
        plans = []
        for family in wanted_families:
            wanted = slice_plan.make_desired(service, pods, family, self._get_zone)
            of_family = [
                endpoint_slice for endpoint_slice in existing if endpoint_slice.address_type == family
            ]
            plan = slice_plan.make_plan(service, family, wanted, of_family, self._limit)
            owner = make_controller_reference(service, "v1", "Service")
            await self._writer.apply_plan(key, service.metadata.namespace, plan, owner)
            plans.append(plan)
        self._metrics.count_plans(key, plans)

    def _get_zone(self, node_name: str) -> str:
        node = self._nodes.get("", node_name)
        return node.metadata.labels.get(ZONE, "") if node else ""

    def _handle_node_update(self, old: Node, new: Node) -> None:
        if old.metadata.labels.get(ZONE) != new.metadata.labels.get(ZONE):
            for service in self.services.list():
                self.enqueue(service)


def _get_service_key(endpoint_slice: EndpointSlice) -> list[str]:
    """Return the key of the service of a slice, for slices of this controller."""
    labels = endpoint_slice.metadata.labels
    if labels.get(slice_plan.MANAGED_BY) != slice_plan.CONTROLLER or slice_plan.SERVICE_NAME not in labels:
        return []
    return [f"{endpoint_slice.metadata.namespace}/{labels[slice_plan.SERVICE_NAME]}"]
