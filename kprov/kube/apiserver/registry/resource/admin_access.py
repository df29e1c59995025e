"""Admin access to devices, which a label of the namespace permits.

Source: upstream pkg/registry/resource/utils.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

_ADMIN_LABEL: Final = "resource.kubernetes.io/admin-access"


class AdminAccessHooks(Hooks):
    """Hooks of claim templates: refuse admin access unless a label of the namespace permits it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def validate(
        self, context: RequestContext, obj: JsonObject, old: JsonObject | None, subresource: str
    ) -> Sequence[FieldError]:
        if old is not None:
            # The spec does not change.
            return ()
        spec = obj["spec"].get("spec") or {} if obj["kind"] == "ResourceClaimTemplate" else obj["spec"]
        wanted = (
            (request.get("exactly") or {}) for request in (spec.get("devices") or {}).get("requests") or ()
        )
        # As upstream, templates have the same path.
        return await self._admin(obj, wanted, "spec.devices.requests")

    async def _admin(self, obj: JsonObject, owners: Iterable[JsonObject], path: str) -> Sequence[FieldError]:
        place = next((index for index, owner in enumerate(owners) if owner.get("adminAccess")), None)
        if place is None:
            return ()
        path = f"{path}[{place}].adminAccess"
        try:
            namespace = await self._namespace(obj["metadata"].get("namespace", ""))
        except StatusError as error:
            why = error.status["message"]
            return [field.internal(path, f"could not retrieve namespace to verify admin access: {why}")]
        if (namespace["metadata"].get("labels") or {}).get(_ADMIN_LABEL) == "true":
            return ()
        text = (
            f"admin access to devices requires the `{_ADMIN_LABEL}: true` label on the containing namespace"
        )
        return [field.forbidden(path, text)]

    async def _namespace(self, name: str) -> JsonObject:
        store = self._registry.store("", "namespaces")
        await store.catch_up()
        namespace: JsonObject | None = store.lister.get("", name)
        if namespace is None:
            raise status.not_found("namespaces", name)
        return namespace
