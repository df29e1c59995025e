"""Writes endpoint slices and tracks writes that the informer has not shown yet."""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.client import ApiError, Informer, ResourceClient
from kprov.kube.controller_manager.endpoints.slice_plan import Plan

# Seconds after which a write that the informer has not shown is ignored.
PATIENCE_SECONDS: Final = 30.0


class WriteTracker:
    """Written slices that the informer has not shown: a plan without them would repeat writes."""

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
        if time.monotonic() - self._since[service] > PATIENCE_SECONDS:
            self.forget(service)
            return False
        return True

    def forget(self, service: str) -> None:
        self._versions.pop(service, None)
        self._since.pop(service, None)


class SliceWriter:
    """For one controller. `key_of` gives the key of the service that a slice of it is for, if it is one.

    `changed` is called with the key whenever such a slice changes.
    """

    def __init__(
        self,
        slices: Informer[EndpointSlice],
        client: ResourceClient[EndpointSlice],
        key_of: Callable[[EndpointSlice], list[str]],
        changed: Callable[[str], None],
    ) -> None:
        self._slices = slices
        self._client = client
        self._key_of = key_of
        self._changed = changed
        self._written = WriteTracker()
        slices.add_handler(
            on_add=self._note_seen, on_update=self._handle_update, on_delete=self._handle_delete
        )

    def is_stale(self, key: str) -> bool:
        """Whether the informer is behind the writes of that service."""
        return self._written.is_stale(key)

    def forget(self, key: str) -> None:
        self._written.forget(key)

    async def apply_plan(self, key: str, namespace: str, plan: Plan, owner: dict[str, Any]) -> None:
        """Do the writes of a plan. `owner`: the reference for slices without one. Raises ApiError."""
        for new in plan.create:
            try:
                made = await self._client.create(_make_document(new, owner), namespace=namespace)
            except ApiError as error:
                if error.is_namespace_terminating:
                    return
                raise
            self._record_write(key, made)
        for changed in plan.update:
            document = _make_document(changed, owner)
            self._record_write(key, await self._client.update(document, namespace=namespace))
        for old in plan.delete:
            await self.delete(key, old)

    async def delete(self, key: str, old: EndpointSlice) -> None:
        meta = old.metadata
        self._written.note(key, meta.name, meta.resource_version)
        try:
            await self._client.delete(meta.name, namespace=meta.namespace, preconditions_uid=meta.uid)
        except ApiError as error:
            self._written.seen(key, meta.name, meta.resource_version)
            if not error.is_not_found:
                raise

    def _record_write(self, key: str, written: EndpointSlice) -> None:
        meta = written.metadata
        known = self._slices.get(meta.namespace, meta.name)
        if known is None or int(known.metadata.resource_version) < int(meta.resource_version):
            self._written.note(key, meta.name, meta.resource_version)

    def _note_seen(self, endpoint_slice: EndpointSlice) -> None:
        for key in self._key_of(endpoint_slice):
            self._written.seen(key, endpoint_slice.metadata.name, endpoint_slice.metadata.resource_version)
            self._changed(key)

    def _handle_update(self, old: EndpointSlice, new: EndpointSlice) -> None:
        for key in self._key_of(old):
            # Another client may have changed the slice's service.
            if key not in self._key_of(new):
                self._changed(key)
        self._note_seen(new)

    def _handle_delete(self, endpoint_slice: EndpointSlice) -> None:
        for key in self._key_of(endpoint_slice):
            self._written.seen(key, endpoint_slice.metadata.name, str(2**63))
            self._changed(key)


def _make_document(endpoint_slice: EndpointSlice, owner: dict[str, Any]) -> dict[str, Any]:
    """Return the whole object, with empty lists and false conditions."""
    document: dict[str, Any] = msgspec.to_builtins(endpoint_slice)
    document |= {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice"}
    document["endpoints"] = [msgspec.to_builtins(entry) for entry in endpoint_slice.endpoints or []]
    ports = endpoint_slice.ports or []
    document["ports"] = [
        {"name": port.name or "", "protocol": port.protocol or "TCP", "port": port.port}
        | ({"appProtocol": port.app_protocol} if port.app_protocol else {})
        for port in ports
    ]
    document["metadata"].pop("creationTimestamp", None)
    document["metadata"].setdefault("ownerReferences", [owner])
    return document
