"""Creates the service account "default" in every namespace (pkg/controller/serviceaccount)."""

from kprov.kube.api.core import Namespace, ServiceAccount
from kprov.kube.client import ApiError
from kprov.kube.controller_manager.framework.controller import Context, Controller


class ServiceAccountController(Controller):
    """Keys are namespaces."""

    name = "serviceaccount"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._namespaces = context.informers.informer("", "v1", "namespaces", Namespace)
        self._accounts = context.informers.informer("", "v1", "serviceaccounts", ServiceAccount)
        self._namespaces.add_handler(on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new))
        self._accounts.add_handler(on_delete=self._handle_delete)

    async def sync(self, key: str) -> None:
        namespace = self._namespaces.get("", key)
        if namespace is None or namespace.metadata.deletion_timestamp:
            return
        if self._accounts.get(key, "default") is not None:
            return
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        try:
            await self.resource_of(self._accounts).create(body, namespace=key)
        except ApiError as error:
            if not (error.is_already_exists or error.is_namespace_terminating or error.is_not_found):
                raise

    def _handle_delete(self, account: ServiceAccount) -> None:
        if account.metadata.name == "default":
            self.queue.add(account.metadata.namespace)
