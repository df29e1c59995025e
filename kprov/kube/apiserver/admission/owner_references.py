"""OwnerReferencesPermissionEnforcement: setting an owner of an object requires the right to delete it.

Source: upstream plugin/pkg/admission/gc/gc_admission.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from kprov.kube.apiserver.admission.plugin import Attributes, WantsAuthorizer, forbidden_error
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.interfaces.objects import ObjectStores
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, split_api_version


class OwnerReferencesPermissionEnforcement(WantsAuthorizer):
    name = "OwnerReferencesPermissionEnforcement"

    def __init__(self, find_kind: Callable[[str, str, str], Resource | None]) -> None:
        """find_kind: from (group, version, kind) to the served resource."""
        self._find_kind = find_kind

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.find_kind)

    async def validate(self, attributes: Attributes) -> None:
        # The status strategy of pods does not change owner references.
        if attributes.resource.plural == "pods" and attributes.subresource == "status":
            return
        new, old = _list_owners(attributes.obj), _list_owners(attributes.old)
        if new == old:
            return
        if attributes.operation != "CREATE":
            await self._check_delete(attributes)
        blocking = {owner["uid"] for owner in old if owner.get("blockOwnerDeletion")}
        added = [owner for owner in new if owner.get("blockOwnerDeletion") and owner["uid"] not in blocking]
        if (
            not added
            or await self._authorize(attributes, "*", "*", "", "*", verb="update", sub="finalizers") is None
        ):
            return
        for owner in added:
            await self._check_block_deletion(attributes, owner)

    async def _check_delete(self, attributes: Attributes) -> None:
        resource = attributes.resource
        reason = await self._authorize(
            attributes, resource.group, resource.plural, attributes.namespace, attributes.name,
            verb="delete", sub=attributes.subresource,
        )  # fmt: skip
        if reason is not None:
            text = f"cannot set an ownerRef on a resource you can't delete: {reason}, <nil>"
            raise forbidden_error(attributes, text)

    async def _check_block_deletion(self, attributes: Attributes, owner: JsonObject) -> None:
        group, version = split_api_version(owner.get("apiVersion", ""))
        kind = self._find_kind(group, version, owner.get("kind", ""))
        if kind is None:
            text = (
                "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion "
                f"{owner.get('apiVersion', '')} Kind {owner.get('kind', '')}: no matches for kind "
                f'"{owner.get("kind", "")}" in version "{owner.get("apiVersion", "")}"'
            )
            raise forbidden_error(attributes, text)
        namespace = attributes.namespace if kind.namespaced else ""
        reason = await self._authorize(
            attributes, group, kind.plural, namespace, owner.get("name", ""), verb="update", sub="finalizers"
        )
        if reason is not None:
            text = (
                "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set "
                f"finalizers on: {reason}, <nil>"
            )
            raise forbidden_error(attributes, text)

    async def _authorize(
        self,
        attributes: Attributes,
        group: str,
        plural: str,
        namespace: str,
        name: str,
        *,
        verb: str,
        sub: str,
    ) -> str | None:
        """None if the user is allowed, else the reason."""
        info = RequestInfo(
            path="", verb=verb, is_resource_request=True, api_group=group, api_version="*",
            namespace=namespace, resource=plural, subresource=sub, name=name,
        )  # fmt: skip
        decision, reason = await self.authorizer.authorize(attributes.context.user, info)
        return None if decision is Decision.ALLOW else reason


def _list_owners(obj: JsonObject | None) -> list[JsonObject]:
    return list(((obj or {}).get("metadata") or {}).get("ownerReferences") or ())
