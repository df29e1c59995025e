"""The endpoint slice mirroring controller (pkg/controller/endpointslicemirroring).

Endpoints that somebody wrote for a service without a selector become slices too: slices are what is read.
"""

from kprov.kube.api.core import Endpoints, Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.client import reference
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.endpoints import mirror_plan
from kprov.kube.controller_manager.endpoints.slice_plan import MANAGED_BY, SERVICE_NAME
from kprov.kube.controller_manager.endpoints.slice_writer import PATIENCE_SECONDS, SliceWriter
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference


class EndpointSliceMirroringController(Controller):
    """Keys are Endpoints, which have the name of their service."""

    name = "endpoint_slice_mirroring"
    concurrency = "mirroring_concurrent_service_endpoint_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._limit: int = context.options.mirroring_max_endpoints_per_subset
        self._batch: float = context.options.mirroring_endpointslice_updates_batch_period
        self._recorder = context.make_recorder("endpoint-slice-mirroring-controller")
        self._services = context.informers.informer("", "v1", "services", Service)
        self._endpoints = context.informers.informer("", "v1", "endpoints", Endpoints)
        self._slices = context.informers.informer(
            "discovery.k8s.io", "v1", "endpointslices", EndpointSlice, indexers={"mirrored": _must_mirror}
        )
        self._writer = SliceWriter(
            self._slices,
            self.resource_of(self._slices),
            _must_mirror,
            lambda key: self.queue.add_after(key, self._batch),
        )
        self._services.add_handler(
            on_add=self._handle_service_change,
            on_update=self._handle_service_update,
            on_delete=self._handle_service_change,
        )
        self._endpoints.add_handler(
            on_add=self._handle_endpoints_change,
            on_update=self._handle_endpoints_update,
            on_delete=self._handle_endpoints_change,
        )

    async def sync(self, key: str) -> None:
        endpoints = self._endpoints.get(*split_key(key))
        service = self._services.get(*split_key(key))
        existing = self._slices.by_index("mirrored", key)
        if (
            endpoints is None
            or service is None
            or service.spec.selector
            or not mirror_plan.is_mirrored(endpoints)
        ):
            self._writer.forget(key)
            for endpoint_slice in existing:
                await self._writer.delete(key, endpoint_slice)
            return
        if self._writer.is_stale(key):
            self.queue.add_after(key, PATIENCE_SECONDS)
            return
        wanted = mirror_plan.make_wanted(endpoints, self._limit)
        self._send_warning(endpoints, wanted)
        plan = mirror_plan.make_plan(endpoints, wanted.groups, existing, self._limit)
        if endpoints.metadata.deletion_timestamp:
            plan.create.clear()
        owner = make_controller_reference(endpoints, "v1", "Endpoints")
        await self._writer.apply_plan(key, endpoints.metadata.namespace, plan, owner)

    def _send_warning(self, endpoints: Endpoints, wanted: mirror_plan.Wanted) -> None:
        about = reference(endpoints, "v1", "Endpoints")
        if wanted.invalid:
            text = f"Skipped {wanted.invalid} invalid IP addresses when mirroring to EndpointSlices"
            self._recorder.event(about, "Warning", "InvalidIPAddress", text)
        if wanted.skipped:
            text = (
                f"A max of {self._limit} addresses can be mirrored to EndpointSlices per Endpoints subset. "
                f"{wanted.skipped + wanted.invalid} addresses were skipped"
            )
            self._recorder.event(about, "Warning", "TooManyAddressesToMirror", text)

    def _handle_service_change(self, service: Service) -> None:
        if not service.spec.selector:
            self.enqueue(service)

    def _handle_service_update(self, old: Service, new: Service) -> None:
        if bool(old.spec.selector) != bool(new.spec.selector):
            self.enqueue(new)

    def _handle_endpoints_change(self, endpoints: Endpoints) -> None:
        if mirror_plan.is_mirrored(endpoints):
            self.enqueue(endpoints)

    def _handle_endpoints_update(self, old: Endpoints, new: Endpoints) -> None:
        if mirror_plan.is_mirrored(old) or mirror_plan.is_mirrored(new):
            self.enqueue(new)


def _must_mirror(endpoint_slice: EndpointSlice) -> list[str]:
    """Return the key of the Endpoints of a slice, for slices of this controller."""
    labels = endpoint_slice.metadata.labels
    if labels.get(MANAGED_BY) != mirror_plan.CONTROLLER or not labels.get(SERVICE_NAME):
        return []
    return [f"{endpoint_slice.metadata.namespace}/{labels[SERVICE_NAME]}"]
