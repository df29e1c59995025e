"""Permissions for parts of the status of a resource claim.

Source: upstream pkg/registry/resource/utils.go, pkg/registry/resource/resourceclaim/strategy.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.registry.resource.admin_access import AdminAccessHooks
from kprov.kube.apiserver.registry.resource.resource_claim.status import DeviceId, read_device_id
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.apiserver.request.forbidden import forbidden_error
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_NODE_NAME: Final = "authentication.kubernetes.io/node-name"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


class ResourceClaimHooks(AdminAccessHooks):
    """Hooks of claims: only schedulers may write the allocation, only drivers the status of their devices."""

    def __init__(self, registry: Registry, authorizer: Authorizer) -> None:
        super().__init__(registry)
        self._authorizer = authorizer

    async def validate(
        self, context: RequestContext, obj: JsonObject, old: JsonObject | None, subresource: str
    ) -> Sequence[FieldError]:
        if old is None or subresource != "status":
            return await super().validate(context, obj, old, subresource)
        new, before = obj.get("status") or {}, old.get("status") or {}
        errors: list[FieldError] = []
        if not any(result.get("adminAccess") for result in _list_results(before)):
            errors += await self._admin(obj, _list_results(new), "status.allocation.devices.results")
        errors += await self._binding(context, new, before)
        if new.get("allocation") is not None:
            errors += await self._devices(context, new, before)
        return errors

    async def _binding(
        self, context: RequestContext, new: JsonObject, before: JsonObject
    ) -> Sequence[FieldError]:
        parts = ("allocation", "reservedFor")
        if all((new.get(part) or None) == (before.get(part) or None) for part in parts):
            return ()
        info = replace(context.info, subresource="binding", namespace="", name="")
        refused = await self._refusal(context.user, info)
        if refused is None:
            return ()
        text = (
            'changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", '
            f'verb="{info.verb}" permission: {refused}'
        )
        return [field.forbidden("status.allocation", text)]

    async def _devices(
        self, context: RequestContext, new: JsonObject, before: JsonObject
    ) -> Sequence[FieldError]:
        verb = context.info.verb
        verbs = [f"arbitrary-node:{verb}"]
        if _is_on_node(context.user, _find_single_node(new["allocation"])):
            verbs.insert(0, f"associated-node:{verb}")
        errors = []
        for driver in sorted(_find_changed_drivers(new, before)):
            infos = [
                replace(context.info, verb=node_verb, subresource="driver", name=driver)
                for node_verb in verbs
            ]
            refusals = [await self._refusal(context.user, info) for info in infos]
            if None not in refusals:
                text = (
                    'changing status.devices requires resource="resourceclaims/driver", '
                    f'verb="[{" ".join(verbs)}]" permission: {refusals[0]}'
                )
                errors.append(field.forbidden("status.devices", text))
        return errors

    async def _refusal(self, user: UserInfo, info: RequestInfo) -> str | None:
        """Return the text of the 403, None if the user is allowed."""
        decision, reason = await self._authorizer.authorize(user, info)
        if decision is Decision.ALLOW:
            return None
        message: str = forbidden_error(info, user.name, reason).status["message"]
        return message


def _list_results(status: JsonObject) -> Sequence[JsonObject]:
    results: Sequence[JsonObject] = ((status.get("allocation") or {}).get("devices") or {}).get(
        "results"
    ) or ()
    return results


def _find_changed_drivers(new: JsonObject, before: JsonObject) -> set[str]:
    """Drivers of devices whose status is added, changed or removed."""
    now, then = _index_devices(new), _index_devices(before)
    return {key[0] for key in now.keys() | then.keys() if now.get(key) != then.get(key)}


def _index_devices(status: JsonObject) -> dict[DeviceId, JsonObject]:
    return {read_device_id(device): device for device in status.get("devices") or ()}


def _find_single_node(allocation: JsonObject) -> str:
    """Return the node of an allocation that is on one node; "" otherwise."""
    terms: list[JsonObject] = (allocation.get("nodeSelector") or {}).get("nodeSelectorTerms") or []
    if len(terms) != 1 or terms[0].get("matchExpressions") or len(terms[0].get("matchFields") or ()) != 1:
        return ""
    need = terms[0]["matchFields"][0]
    values: list[str] = need.get("values") or []
    if need.get("key") != "metadata.name" or need.get("operator") != "In" or len(values) != 1:
        return ""
    return values[0]


def _is_on_node(user: UserInfo, node: str) -> bool:
    """Whether the user is a service account of a pod on that node."""
    if not user.name.startswith(_SERVICE_ACCOUNT) or user.name.count(":") != _SERVICE_ACCOUNT.count(":") + 1:
        return False
    return bool(node) and user.extra.get(_NODE_NAME, ()) == (node,) and not names.is_dns1123_subdomain(node)
