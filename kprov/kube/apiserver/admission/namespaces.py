"""NamespaceAutoProvision and NamespaceExists (upstream plugin/pkg/admission/namespace)."""

from __future__ import annotations

from typing import Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores, ObjectWriter
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery import status


class NamespaceAutoProvision(AdmissionPlugin):
    """Creates the namespace of the first object in it."""

    name = "NamespaceAutoProvision"
    operations = frozenset({"CREATE"})

    def __init__(self, namespaces: ObjectWriter) -> None:
        self._namespaces = namespaces

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "namespaces"))

    async def admit(self, attributes: Attributes) -> None:
        # A dry run must not create it; NamespaceLifecycle then rejects the object.
        name = attributes.namespace
        if not name or attributes.context.dry_run or self._namespaces.lister.get("", name) is not None:
            return
        context = make_system_context("create", self._namespaces.resource, "", name)
        try:
            await self._namespaces.create(context, "", {"metadata": {"name": name}})
        except status.StatusError as error:
            if error.reason != "AlreadyExists":
                raise


class NamespaceExists(AdmissionPlugin):
    name = "NamespaceExists"
    operations = frozenset({"CREATE", "UPDATE", "DELETE"})

    def __init__(self, namespaces: ObjectReader) -> None:
        self._namespaces = namespaces

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "namespaces"))

    async def validate(self, attributes: Attributes) -> None:
        if not attributes.namespace or self._namespaces.lister.get("", attributes.namespace) is not None:
            return
        await self._namespaces.catch_up()
        if self._namespaces.lister.get("", attributes.namespace) is None:
            raise status.not_found(self._namespaces.resource, attributes.namespace)
