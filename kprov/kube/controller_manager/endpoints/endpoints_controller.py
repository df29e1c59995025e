"""The endpoints controller: Endpoints for clients that do not read slices (pkg/controller/endpoint)."""

from typing import Any

from kprov.kube.api.core import Endpoints, Service
from kprov.kube.client import ApiError
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.endpoints import subsets
from kprov.kube.controller_manager.endpoints.services import ServiceController
from kprov.kube.controller_manager.framework.controller import Context
from kprov.kube.controller_manager.framework.updates import update_content
from kprov.kube.machinery.json_object import JsonObject


class EndpointsController(ServiceController):
    """One Endpoints object for every service that has a selector, of the service's name."""

    name = "endpoint"
    batch_period = "endpoint_updates_batch_period"
    concurrency = "concurrent_endpoint_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._endpoints = context.informers.informer("", "v1", "endpoints", Endpoints)
        self._endpoints.add_handler(
            on_delete=self.enqueue, on_update=lambda _, new: self._handle_foreign_change(new)
        )

    async def sync(self, key: str) -> None:
        namespace, name = split_key(key)
        service = self.services.get(namespace, name)
        if service is None:
            await self._remove(namespace, name)
            return
        if not service.spec.selector or service.spec.type == "ExternalName":
            return
        content, cut = subsets.make_desired(service, self.list_pods(service))
        await self._write(service, self._endpoints.get(namespace, name), content, cut=cut)

    async def _write(
        self, service: Service, current: Endpoints | None, content: list[dict[str, Any]], *, cut: bool
    ) -> None:
        namespace, name = service.metadata.namespace, service.metadata.name
        labels = subsets.make_labels(service)
        annotations = {subsets.OVER_CAPACITY: "truncated"} if cut else {}
        if current is None:
            body = {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {"name": name, "labels": labels, "annotations": annotations},
                "subsets": content,
            }
            try:
                await self.resource_of(self._endpoints).create(body, namespace=namespace)
            except ApiError as error:
                if not error.is_namespace_terminating:
                    raise
            return
        had = current.metadata.annotations.get(subsets.OVER_CAPACITY)
        same_marks = current.metadata.labels == labels and bool(had) == cut
        if same_marks and subsets.read_known(current) == content:
            return
        gone = dict.fromkeys(current.metadata.labels.keys() - labels.keys())
        metadata: JsonObject = {
            "labels": {**gone, **labels},
            "annotations": annotations or ({subsets.OVER_CAPACITY: None} if had else {}),
        }
        resource = self.resource_of(self._endpoints)
        await update_content(resource, current, metadata, {"subsets": content})

    async def _remove(self, namespace: str, name: str) -> None:
        current = self._endpoints.get(namespace, name)
        if current is None or current.metadata.labels.get(subsets.MANAGED_BY) != subsets.CONTROLLER:
            return
        try:
            await self.resource_of(self._endpoints).delete(
                name, namespace=namespace, preconditions_uid=current.metadata.uid
            )
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _handle_foreign_change(self, endpoints: Endpoints) -> None:
        """Repair changes of other clients. Our own writes arrive here too and change nothing."""
        if self.services.get(endpoints.metadata.namespace, endpoints.metadata.name) is not None:
            self.enqueue(endpoints)
