"""Deletes expired bootstrap tokens (pkg/controller/bootstrap/tokencleaner.go)."""

import time

from kprov.kube.client import ApiError
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.bootstrap import tokens
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery.json_object import JsonObject


class TokenCleaner(Controller):
    """Keys are secrets of bootstrap tokens."""

    name = "token_cleaner"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._secrets = context.informers.informer(
            "", "v1", "secrets", namespace=tokens.NAMESPACE, field_selector=f"type={tokens.SECRET_TYPE}"
        )
        self._secrets.add_handler(on_add=self._handle, on_update=lambda _, new: self._handle(new))

    def _handle(self, secret: JsonObject) -> None:
        self.queue.add(f"{tokens.NAMESPACE}/{secret['metadata']['name']}")

    async def sync(self, key: str) -> None:
        namespace, name = split_key(key)
        secret = self._secrets.get(namespace, name)
        left = tokens.compute_seconds_left(secret, time.time()) if secret is not None else None
        if secret is None or left is None:
            return
        if left > 0:
            self.queue.add_after(key, left)
            return
        try:
            await self.resource_of(self._secrets).delete(
                name, namespace=namespace, preconditions_uid=secret["metadata"]["uid"]
            )
        except ApiError as error:
            if not error.is_not_found:
                raise
