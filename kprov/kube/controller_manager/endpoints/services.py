"""The base of both endpoint controllers: handlers of services and pods."""

from collections.abc import Mapping
from typing import ClassVar

from kprov.kube.api.core import Pod, Service
from kprov.kube.client.selector_index import SelectorIndex
from kprov.kube.controller_manager.endpoints import addresses
from kprov.kube.controller_manager.framework.controller import Context, Controller


class ServiceController(Controller):
    """Keys are services. A change of a pod adds the services that select it.

    batch_period: the option with the seconds that changes of pods are joined.
    """

    batch_period: ClassVar[str]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._batch: float = getattr(context.options, self.batch_period)
        self.services = context.informers.informer("", "v1", "services", Service)
        self.pods = context.informers.informer("", "v1", "pods", Pod)
        self._selecting = SelectorIndex(self.services, _get_selector)
        self.services.add_handler(
            on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new), on_delete=self.enqueue
        )
        self.pods.add_handler(
            on_add=self._handle_pod_change,
            on_update=self._handle_pod_update,
            on_delete=self._handle_pod_change,
        )

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if addresses.is_relevant_change(old, new):
            if old.metadata.labels != new.metadata.labels:
                self._handle_pod_change(old)
            self._handle_pod_change(new)

    def list_pods(self, service: Service) -> list[Pod]:
        """Return the pods that the service selects."""
        return self.pods.with_labels(service.metadata.namespace, service.spec.selector)

    def _handle_pod_change(self, pod: Pod) -> None:
        for service in self._selecting.find(pod.metadata.namespace, pod.metadata.labels):
            self.queue.add_after(service.key, self._batch)


def _get_selector(service: Service) -> Mapping[str, str] | None:
    """None: a service without a selector selects nothing."""
    return service.spec.selector or None
