"""The endpoint slice controller (pkg/controller/endpointslice)."""

import time
from typing import Any, Final

import msgspec

from kprov.kube.api.core import Node, Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.client import ApiError
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.context import Context
from kprov.kube.controller_manager.endpoints import slice_plan
from kprov.kube.controller_manager.endpoints.addresses import selected
from kprov.kube.controller_manager.endpoints.services import ServiceController
from kprov.kube.controller_manager.ownership import controller_reference

ZONE: Final = "topology.kubernetes.io/zone"
# A write that the informer has not shown after so long is taken for lost.
_PATIENCE_SECONDS: Final = 30.0


class _Written:
    """Slices we wrote and have not seen yet: planning on an older copy would write them twice."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, int]] = {}
        self._since: dict[str, float] = {}

    def note(self, service: str, name: str, version: str) -> None:
        self._versions.setdefault(service, {})[name] = int(version or 0)
        self._since[service] = time.monotonic()

    def seen(self, service: str, name: str, version: str) -> None:
        pending = self._versions.get(service, {})
        if name in pending and int(version or 0) >= pending[name]:
            del pending[name]

    def is_stale(self, service: str) -> bool:
        if not self._versions.get(service):
            return False
        if time.monotonic() - self._since[service] > _PATIENCE_SECONDS:
            self.forget(service)
            return False
        return True

    def forget(self, service: str) -> None:
        self._versions.pop(service, None)
        self._since.pop(service, None)


class EndpointSliceController(ServiceController):
    """Keeps the slices of every service that has a selector."""

    name = "endpoint_slice"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._written = _Written()
        self._nodes = context.informers.informer("", "v1", "nodes", Node)
        self._slices = context.informers.informer(
            "discovery.k8s.io",
            "v1",
            "endpointslices",
            EndpointSlice,
            indexers={"service": _service_of},
        )
        self._slices.add_handler(
            on_add=self._slice_changed,
            on_update=lambda _, new: self._slice_changed(new),
            on_delete=self._slice_deleted,
        )
        self._nodes.add_handler(on_update=self._node_updated)

    async def sync(self, key: str) -> None:
        service = self.services.get(*split_key(key))
        if service is None:
            # Its slices have it as owner: the garbage collector takes them.
            self._written.forget(key)
            return
        if not service.spec.selector or service.spec.type == "ExternalName":
            return
        if self._written.is_stale(key):
            self.queue.add_after(key, _PATIENCE_SECONDS)
            return
        pods = selected(service, self.pods.list(service.metadata.namespace))
        existing = self._slices.by_index("service", key)
        wanted_families = slice_plan.families(service)
        for each in existing:
            if each.address_type not in wanted_families:
                await self._delete(key, each)
        for family in wanted_families:
            wanted = slice_plan.desired(service, pods, family, self._zone)
            of_family = [each for each in existing if each.address_type == family]
            await self._carry_out(key, service, slice_plan.plan(service, family, wanted, of_family))

    async def _carry_out(self, key: str, service: Service, plan: slice_plan.Plan) -> None:
        namespace = service.metadata.namespace
        for new in plan.create:
            document = _document(new)
            document["metadata"]["ownerReferences"] = [controller_reference(service, "v1", "Service")]
            try:
                made = await self._slices.resource.create(document, namespace=namespace)
            except ApiError as error:
                if error.is_namespace_terminating:
                    return
                raise
            self._note(key, made)
        for changed in plan.update:
            self._note(key, await self._slices.resource.update(_document(changed), namespace=namespace))
        for old in plan.delete:
            await self._delete(key, old)

    def _note(self, key: str, written: EndpointSlice) -> None:
        meta = written.metadata
        known = self._slices.get(meta.namespace, meta.name)
        if known is None or int(known.metadata.resource_version) < int(meta.resource_version):
            self._written.note(key, meta.name, meta.resource_version)

    async def _delete(self, key: str, old: EndpointSlice) -> None:
        meta = old.metadata
        self._written.note(key, meta.name, meta.resource_version)
        try:
            await self._slices.resource.delete(
                meta.name, namespace=meta.namespace, preconditions_uid=meta.uid
            )
        except ApiError as error:
            self._written.seen(key, meta.name, meta.resource_version)
            if not error.is_not_found:
                raise

    def _zone(self, node_name: str) -> str:
        node = self._nodes.get("", node_name)
        return node.metadata.labels.get(ZONE, "") if node else ""

    def _slice_changed(self, each: EndpointSlice) -> None:
        for key in _service_of(each):
            self._written.seen(key, each.metadata.name, each.metadata.resource_version)
            self.queue.add(key)

    def _slice_deleted(self, each: EndpointSlice) -> None:
        for key in _service_of(each):
            self._written.seen(key, each.metadata.name, str(2**63))
            self.queue.add(key)

    def _node_updated(self, old: Node, new: Node) -> None:
        if old.metadata.labels.get(ZONE) != new.metadata.labels.get(ZONE):
            for service in self.services.list():
                self.enqueue(service)


def _service_of(each: EndpointSlice) -> list[str]:
    """Key of the service, for slices of this controller."""
    labels = each.metadata.labels
    if labels.get(slice_plan.MANAGED_BY) != slice_plan.CONTROLLER or slice_plan.SERVICE_NAME not in labels:
        return []
    return [f"{each.metadata.namespace}/{labels[slice_plan.SERVICE_NAME]}"]


def _document(each: EndpointSlice) -> dict[str, Any]:
    """The whole object: lists and conditions written out also where they are empty or false."""
    document: dict[str, Any] = msgspec.to_builtins(each)
    document |= {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}
    document["endpoints"] = [msgspec.to_builtins(entry) for entry in each.endpoints or []]
    ports = each.ports or []
    document["ports"] = [
        {"name": port.name or "", "protocol": port.protocol or "TCP", "port": port.port}
        | ({"appProtocol": port.app_protocol} if port.app_protocol else {})
        for port in ports
    ]
    document["metadata"].pop("creationTimestamp", None)
    return document
