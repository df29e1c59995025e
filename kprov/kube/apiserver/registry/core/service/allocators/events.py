"""Events of the API server's own loops. The same event is written only once while the server runs."""

from __future__ import annotations

import logging
import secrets

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)


class Recorder:
    """Writes events of one component."""

    def __init__(self, registry: Registry, component: str) -> None:
        self._registry = registry
        self._component = component
        self._told: set[tuple[str, str, str]] = set()

    async def warn(self, about: JsonObject, reason: str, text: str) -> None:
        """Write a Warning event. A repeated event, or one that cannot be written, is only logged."""
        metadata = about["metadata"]
        key = (metadata.get("uid", ""), reason, text)
        log.warning("%s %s: %s", about["kind"], metadata["name"], text)
        store = self._registry.find("", "events")
        if store is None or key in self._told:
            return
        self._told.add(key)
        namespace = metadata.get("namespace") or "default"
        event = self._event(about, namespace, reason, text)
        try:
            await store.create(make_system_context("create", store.resource, namespace), namespace, event)
        except StatusError as error:
            log.warning("the event %s was not written: %s", reason, error)

    def _event(self, about: JsonObject, namespace: str, reason: str, text: str) -> JsonObject:
        metadata, now = about["metadata"], timestamps.now()
        reference = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata.get("namespace", ""),
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        return {
            "metadata": {"name": f"{metadata['name']}.{secrets.token_hex(8)}", "namespace": namespace},
            "involvedObject": {key: value for key, value in reference.items() if value},
            "reason": reason,
            "message": text,
            "type": "Warning",
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
