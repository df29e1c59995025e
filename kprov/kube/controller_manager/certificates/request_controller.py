"""The base of the controllers that answer certificate requests."""

from kprov.kube.controller_manager.certificates.requests import GROUP
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery.json_object import JsonObject


class RequestController(Controller):
    """Keys are requests. Each change of a request adds it to the queue."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.request_informer = context.informers.informer(GROUP, "v1", "certificatesigningrequests")
        self.request_informer.add_handler(on_add=self._handle, on_update=lambda _, new: self._handle(new))

    def _handle(self, document: JsonObject) -> None:
        self.queue.add(document["metadata"]["name"])
