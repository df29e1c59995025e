"""NamespaceLifecycle: rejects new objects in a namespace that does not exist or is terminating."""

from __future__ import annotations

import time
from typing import Final, Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.machinery import status

_IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})
#: Reviews are allowed in namespaces that do not exist.
_REVIEWS: Final = frozenset({("authorization.k8s.io", "localsubjectaccessreviews")})
#: How many seconds another server's cache may be behind after a deletion.
_LIVE_SECONDS: Final = 30.0


class NamespaceLifecycle(AdmissionPlugin):
    name = "NamespaceLifecycle"
    operations = frozenset({"CREATE", "UPDATE", "DELETE"})

    def __init__(self, namespaces: ObjectReader) -> None:
        self._namespaces = namespaces
        self._deleted: dict[str, float] = {}

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "namespaces"))

    async def admit(self, attributes: Attributes) -> None:
        resource = attributes.resource
        if (resource.group, resource.plural) == ("", "namespaces"):
            if attributes.operation == "DELETE" and attributes.name in _IMMORTAL:
                raise status.forbidden(resource, attributes.name, "this namespace may not be deleted")
            if attributes.operation == "DELETE":
                now = time.monotonic()
                self._deleted = {name: until for name, until in self._deleted.items() if until > now}
                self._deleted[attributes.name] = now + _LIVE_SECONDS
            return
        if (resource.group, resource.plural) in _REVIEWS:
            return
        if not attributes.namespace or attributes.operation == "DELETE":
            return
        namespace = self._namespaces.lister.get_shared("", attributes.namespace)
        if namespace is None or self._was_deleted(attributes.namespace):
            await self._namespaces.catch_up()
            namespace = self._namespaces.lister.get_shared("", attributes.namespace)
        if namespace is None:
            raise status.not_found(self._namespaces.resource, attributes.namespace)
        ends = (namespace.get("status") or {}).get("phase") == "Terminating"
        if ends and attributes.operation == "CREATE":
            raise _terminating_error(attributes)

    def _was_deleted(self, name: str) -> bool:
        """Whether this server deleted the namespace so recently that the cache may still have it."""
        return self._deleted.get(name, 0.0) > time.monotonic()


def _terminating_error(attributes: Attributes) -> status.StatusError:
    text = f"unable to create new content in namespace {attributes.namespace} because it is being terminated"
    error = forbidden_error(attributes, text)
    error.status.setdefault("details", {})["causes"] = [
        {
            "reason": "NamespaceTerminating",
            "message": f"namespace {attributes.namespace} is being terminated",
            "field": "metadata.namespace",
        }
    ]
    return error
