"""Impersonate-* headers: act as another, where one may.

Source: upstream apiserver/pkg/endpoints/filters/impersonation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from kprov.kube.apiserver.authentication.service_accounts import PREFIX
from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery import status


async def impersonate(user: UserInfo, headers: Mapping[str, str], authorizer: Authorizer) -> UserInfo:
    """The user that the headers ask for, or the same user without them. Raises StatusError 403, 400."""
    if not any(header[:12].lower() == "impersonate-" for header in headers):
        return user
    name = headers.get("Impersonate-User", "")
    groups = _all(headers, "Impersonate-Group")
    uid = headers.get("Impersonate-Uid", "")
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers.items():
        if header.lower().startswith("impersonate-extra-"):
            key = unquote(header.lower().removeprefix("impersonate-extra-"))
            extra[key] = (*extra.get(key, ()), value)
    if not name:
        if groups or uid or extra:
            raise status.bad_request("requested impersonation without impersonating a user")
        return user
    if name.startswith(PREFIX) and name.count(":") == 3:
        _, _, namespace, account = name.split(":")
        await _may(user, authorizer, "", "serviceaccounts", account, namespace=namespace)
        if not groups:
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    else:
        await _may(user, authorizer, "", "users", name)
    for group in _all(headers, "Impersonate-Group"):
        await _may(user, authorizer, "", "groups", group)
    if uid:
        await _may(user, authorizer, "authentication.k8s.io", "uids", uid)
    for key, values in extra.items():
        for value in values:
            await _may(user, authorizer, "authentication.k8s.io", "userextras", value, subresource=key)
    last = "system:unauthenticated" if name == "system:anonymous" else "system:authenticated"
    if last not in groups:
        groups = [*groups, last]
    return UserInfo(name=name, groups=tuple(groups), uid=uid, extra=extra)


async def _may(
    user: UserInfo,
    authorizer: Authorizer,
    group: str,
    resource: str,
    name: str,
    *,
    namespace: str = "",
    subresource: str = "",
) -> None:
    info = RequestInfo(
        path="", verb="impersonate", is_resource_request=True, api_group=group, api_version="v1",
        namespace=namespace, resource=resource, subresource=subresource, name=name,
    )  # fmt: skip
    decision, reason = await authorizer.authorize(user, info)
    if decision is not Decision.ALLOW:
        text = f'User "{user.name}" cannot impersonate resource "{resource}" in API group "{group}"'
        text += f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
        raise status.forbidden(
            f"{resource}.{group}" if group else resource, name, text + (f": {reason}" if reason else "")
        )


def _all(headers: Mapping[str, str], name: str) -> list[str]:
    many: Any = headers
    return (
        list(many.getall(name, [])) if hasattr(many, "getall") else [headers[name]] if name in headers else []
    )
