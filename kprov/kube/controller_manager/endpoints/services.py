"""The base of both endpoint controllers: handlers of services and pods."""

from kprov.kube.api.core import Pod, Service
from kprov.kube.controller_manager.endpoints import addresses
from kprov.kube.controller_manager.framework.controller import Context, Controller


class ServiceController(Controller):
    """Keys are services. A change of a pod adds the services that select it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.services = context.informers.informer("", "v1", "services", Service)
        self.pods = context.informers.informer("", "v1", "pods", Pod)
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

    def _handle_pod_change(self, pod: Pod) -> None:
        have = pod.metadata.labels.items()
        for service in self.services.list(pod.metadata.namespace):
            if service.spec.selector and service.spec.selector.items() <= have:
                self.enqueue(service)
