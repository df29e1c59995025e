"""NamespaceLifecycle: nothing is made in a namespace that is not there or on its way out."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery import status

_IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})
_REVIEWS: Final = frozenset({"authorization.k8s.io", "authentication.k8s.io"})


class NamespaceLifecycle(AdmissionPlugin):
    name = "NamespaceLifecycle"
    operations = frozenset({"CREATE", "UPDATE", "DELETE"})

    def __init__(self, registry: Registry) -> None:
        self._namespaces = registry.store("", "namespaces")

    async def admit(self, attributes: Attributes) -> None:
        resource = attributes.resource
        if (resource.group, resource.plural) == ("", "namespaces"):
            if attributes.operation == "DELETE" and attributes.name in _IMMORTAL:
                raise status.forbidden(resource, attributes.name, "this namespace may not be deleted")
            return
        if not attributes.namespace or attributes.operation == "DELETE" or resource.group in _REVIEWS:
            return
        if attributes.operation == "UPDATE":
            return
        namespace = self._namespaces.lister.get("", attributes.namespace)
        if namespace is None:
            await self._namespaces.fresh()
            namespace = self._namespaces.lister.get("", attributes.namespace)
        if namespace is None:
            raise status.not_found(self._namespaces.resource, attributes.namespace)
        if (namespace.get("status") or {}).get("phase") == "Terminating":
            raise _terminating(attributes)


def _terminating(attributes: Attributes) -> status.StatusError:
    text = f"unable to create new content in namespace {attributes.namespace} because it is being terminated"
    error = status.forbidden(attributes.resource, attributes.name, text)
    error.status.setdefault("details", {})["causes"] = [
        {
            "reason": "NamespaceTerminating",
            "message": f"namespace {attributes.namespace} is being terminated",
            "field": "metadata.namespace",
        }
    ]
    return error
