"""Publishes the root CA in every namespace, so that pods trust the API server (rootcacertpublisher)."""

import time
from pathlib import Path
from typing import Any, Final

from kprov.kube.api.core import ConfigMap, Namespace
from kprov.kube.client import ApiError
from kprov.kube.component_base import metrics
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.updates import update_whole

CONFIG_MAP: Final = "kube-root-ca.crt"
_DESCRIPTION: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such "
    "as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions "
    "of Kubernetes clusters."
)

_HELP: Final = "Number of namespace syncs happened in root ca cert publisher."
_SYNCS: Final = metrics.counter("root_ca_cert_publisher_sync", _HELP, ["code"])
_SECONDS: Final = metrics.histogram(
    "root_ca_cert_publisher_sync_duration_seconds",
    _HELP,
    ["code"],
    buckets=[0.001 * 2**power for power in range(15)],
)


class RootCaPublisher(Controller):
    """Keys are namespaces. Reads the file once, as upstream."""

    name = "root_ca_cert_publisher"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._bundle = Path(context.options.root_ca_file).read_text(encoding="utf-8")
        self._namespaces = context.informers.informer("", "v1", "namespaces", Namespace)
        self._maps = context.informers.informer(
            "", "v1", "configmaps", ConfigMap, field_selector=f"metadata.name={CONFIG_MAP}"
        )
        self._namespaces.add_handler(on_add=self.enqueue, on_update=lambda _, new: self.enqueue(new))
        self._maps.add_handler(
            on_delete=lambda old: self.queue.add(old.metadata.namespace),
            on_update=lambda _, new: self.queue.add(new.metadata.namespace),
        )

    async def sync(self, key: str) -> None:
        start, code = time.monotonic(), "200"
        try:
            await self._publish(key)
        except Exception as error:
            code = str(error.code) if isinstance(error, ApiError) else "500"
            raise
        finally:
            _SYNCS.labels(code).inc()
            _SECONDS.labels(code).observe(time.monotonic() - start)

    async def _publish(self, key: str) -> None:
        namespace = self._namespaces.get("", key)
        if namespace is None or namespace.metadata.deletion_timestamp:
            return
        data = {"ca.crt": self._bundle}
        annotations = {"kubernetes.io/description": _DESCRIPTION}
        known = self._maps.get(key, CONFIG_MAP)
        if known is None:
            body: dict[str, Any] = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": CONFIG_MAP, "annotations": annotations},
                "data": data,
            }
            try:
                await self.resource_of(self._maps).create(body, namespace=key)
            except ApiError as error:
                if not (error.is_already_exists or error.is_namespace_terminating or error.is_not_found):
                    raise
        elif known.data != data or not annotations.items() <= known.metadata.annotations.items():
            gone = dict.fromkeys(known.data.keys() - data.keys())
            body = {"metadata": {"annotations": annotations}, "data": {**gone, **data}}
            await update_whole(self.resource_of(self._maps), known, body)
