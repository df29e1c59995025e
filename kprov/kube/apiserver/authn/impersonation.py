"""Impersonate-* headers: act as another user, if the authorizer allows it.

Since 1.36 there are narrower rights than the verb `impersonate`. The modes associated-node, arbitrary-node,
serviceaccount and user-info each require `impersonate-on:MODE:VERB` on the requested resource and
`impersonate:MODE` on the impersonated user. The verb `impersonate` is the last mode.
Source: upstream apiserver/pkg/endpoints/filters/impersonation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from kprov.kube.apiserver.authn.service_accounts import PREFIX
from kprov.kube.apiserver.interfaces import Authorizer, Decision
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.apiserver.request.forbidden import forbidden_error
from kprov.kube.apiserver.request.http_request import replace_invalid_utf8
from kprov.kube.machinery import names, status
from kprov.kube.machinery.key_bounds import BoundedCache

_NODE: Final = "system:node:"
_NODE_NAME: Final = "authentication.kubernetes.io/node-name"
_NODE_KEYS: Final = "authentication.kubernetes.io/associated-node-keys"
_GROUP: Final = "authentication.k8s.io"
_LEGACY: Final = ""
_MODES: Final = ("associated-node", "arbitrary-node", "serviceaccount", "user-info", _LEGACY)
_EXTRA: Final = "impersonate-extra-"
#: From this number of checks on, one check for "*" comes first.
_MANY: Final = 4
_REMEMBERED: Final = 1024


def has_headers(headers: Mapping[str, str]) -> bool:
    """Whether a request has an Impersonate-* header."""
    return any(name[0] in "iI" and name[:12].lower() == "impersonate-" for name in headers)


class Impersonator:
    """Tries the modes until one allows it, the last successful one of the user first."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._last: BoundedCache[tuple[str, tuple[str, ...]], str] = BoundedCache(_REMEMBERED)

    async def impersonate(
        self, user: UserInfo, headers: Mapping[str, str], info: RequestInfo
    ) -> tuple[UserInfo, str]:
        """Return the user of the headers and the verb that allowed it ("" for `impersonate`).

        The same user if the headers have no name. Raise StatusError 400 or 403.
        """
        wanted = _read_headers(headers)
        if wanted is None:
            return user, ""
        key = user.name, user.groups
        last = self._last.get(key)
        modes = _MODES if last is None else (last, *(mode for mode in _MODES if mode != last))
        refusal: status.StatusError | None = None
        for mode in modes:
            if not _mode_applies(mode, wanted, user):
                continue
            try:
                acting = await self._impersonate_in_mode(mode, user, wanted, info)
            except status.StatusError as error:
                refusal = refusal or error
                continue
            if last != mode:
                self._last.put(key, mode)
            return acting, f"impersonate:{mode}" if mode else ""
        assert refusal is not None
        raise refusal

    async def _impersonate_in_mode(
        self, mode: str, user: UserInfo, wanted: UserInfo, info: RequestInfo
    ) -> UserInfo:
        verb = f"impersonate:{mode}" if mode else "impersonate"
        asker = user
        if mode == "associated-node":
            asker = replace(user, extra={_NODE_KEYS: tuple(sorted(user.extra))})
        if mode:
            await self._check(asker, replace(info, verb=f"impersonate-on:{mode}:{info.verb}"))
        group = _GROUP if mode else ""
        groups = list(wanted.groups)
        if mode in {"associated-node", "arbitrary-node"}:
            name = "*" if mode == "associated-node" else wanted.name.removeprefix(_NODE)
            await self._check(asker, _build_info(verb, group, "nodes", name))
            groups = ["system:nodes"]
        elif (account := _parse_account(wanted.name)) is not None:
            namespace, name = account
            await self._check(asker, _build_info(verb, group, "serviceaccounts", name, namespace=namespace))
            groups = groups or ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
        else:
            await self._check(asker, _build_info(verb, group, "users", wanted.name))
        if wanted.uid:
            await self._check(asker, _build_info(verb, _GROUP, "uids", wanted.uid))
        await self._check_groups(asker, verb, group, wanted, constrained=bool(mode))
        await self._check_extra(asker, verb, wanted, constrained=bool(mode))
        if wanted.name == "system:anonymous":
            if "system:unauthenticated" not in groups:
                groups.append("system:unauthenticated")
        elif not {"system:authenticated", "system:unauthenticated"} & set(groups):
            groups.append("system:authenticated")
        return replace(wanted, groups=tuple(groups))

    async def _check_groups(
        self, user: UserInfo, verb: str, group: str, wanted: UserInfo, *, constrained: bool
    ) -> None:
        if constrained and wanted.groups:
            if "" in wanted.groups:
                text = "impersonating the empty string group is not allowed"
                raise _denied_error(_build_info(verb, group, "groups", ""), user, text)
            if "system:masters" in wanted.groups:
                text = "impersonating the system:masters group is not allowed"
                raise _denied_error(_build_info(verb, group, "groups", "system:masters"), user, text)
            if len(wanted.groups) >= _MANY and await self._is_allowed(
                user, _build_info(verb, group, "groups", "*")
            ):
                return
        for name in wanted.groups:
            await self._check(user, _build_info(verb, group, "groups", name))

    async def _check_extra(self, user: UserInfo, verb: str, wanted: UserInfo, *, constrained: bool) -> None:
        if constrained and wanted.extra:
            for key, values in wanted.extra.items():
                text = _find_extra_problem(key, values)
                if text:
                    raise _denied_error(_build_info(verb, _GROUP, "userextras", ""), user, text)
            if sum(map(len, wanted.extra.values())) >= _MANY and await self._is_allowed(
                user, _build_info(verb, _GROUP, "userextras", "*", subresource="*")
            ):
                return
        for key, values in wanted.extra.items():
            for value in values:
                await self._check(user, _build_info(verb, _GROUP, "userextras", value, subresource=key))

    async def _is_allowed(self, user: UserInfo, info: RequestInfo) -> bool:
        decision, _ = await self._authorizer.authorize(user, info)
        return decision is Decision.ALLOW

    async def _check(self, user: UserInfo, info: RequestInfo) -> None:
        decision, reason = await self._authorizer.authorize(user, info)
        if decision is not Decision.ALLOW:
            raise _denied_error(info, user, reason)


def _read_headers(headers: Mapping[str, str]) -> UserInfo | None:
    """Return the user of the headers. Raise StatusError 400 for a uid, groups or extra without a name."""
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers.items():
        lower = header.lower()
        if lower.startswith(_EXTRA):
            key = unquote(replace_invalid_utf8(lower[len(_EXTRA) :]))
            extra[key] = (*extra.get(key, ()), replace_invalid_utf8(value))
    wanted = UserInfo(
        name=replace_invalid_utf8(headers.get("Impersonate-User", "")),
        groups=tuple(replace_invalid_utf8(group) for group in _list_values(headers, "Impersonate-Group")),
        uid=replace_invalid_utf8(headers.get("Impersonate-Uid", "")),
        extra=extra,
    )
    if wanted.name:
        return wanted
    if wanted.uid or wanted.groups or wanted.extra:
        raise status.bad_request("requested groups, a uid or extra values without impersonating a user name")
    return None


def _mode_applies(mode: str, wanted: UserInfo, user: UserInfo) -> bool:
    """Whether a mode is for this kind of user."""
    if mode == _LEGACY:
        return True
    is_node = wanted.name.startswith(_NODE) and not names.is_dns1123_subdomain(wanted.name[len(_NODE) :])
    is_account = _parse_account(wanted.name) is not None
    if mode == "user-info":
        return not is_node and not is_account
    if wanted.uid or wanted.groups or wanted.extra:
        return False
    if mode == "serviceaccount":
        return is_account
    if mode == "arbitrary-node":
        return is_node
    own = user.extra.get(_NODE_NAME, ())
    return is_node and _parse_account(user.name) is not None and own == (wanted.name[len(_NODE) :],)


def _parse_account(name: str) -> tuple[str, str] | None:
    parts = name.removeprefix(PREFIX).split(":")
    if not name.startswith(PREFIX) or len(parts) != 2:
        return None
    namespace, account = parts
    if names.is_dns1123_label(namespace) or names.is_dns1123_subdomain(account):
        return None
    return namespace, account


def _find_extra_problem(key: str, values: tuple[str, ...]) -> str:
    if not key:
        return "impersonating the empty string key in extra is not allowed"
    domain, slash, path = key.partition("/")
    if not slash or not path or names.is_dns1123_subdomain(domain):
        text = f'extra.key: Invalid value: "{key}": must be a domain-prefixed path (such as "acme.io/foo")'
        return f"impersonating an invalid key in extra is not allowed: {text}"
    if "" in values:
        return "impersonating the empty string value in extra is not allowed"
    return ""


def _build_info(
    verb: str, group: str, resource: str, name: str, *, namespace: str = "", subresource: str = ""
) -> RequestInfo:
    return RequestInfo(
        path="", verb=verb, is_resource_request=True, api_group=group, api_version="v1",
        namespace=namespace, resource=resource, subresource=subresource, name=name,
    )  # fmt: skip


def _denied_error(info: RequestInfo, user: UserInfo, reason: str) -> status.StatusError:
    return forbidden_error(info, user.name, reason)


def _list_values(headers: Mapping[str, str], name: str) -> list[str]:
    many: Any = headers
    return (
        list(many.getall(name, [])) if hasattr(many, "getall") else [headers[name]] if name in headers else []
    )
