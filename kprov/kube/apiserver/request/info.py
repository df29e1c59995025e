"""Parse a path and a method to a RequestInfo. Source: apiserver/pkg/endpoints/request/requestinfo.go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from kprov.kube.apiserver.request.context import RequestInfo
from kprov.kube.apiserver.request.query import is_true
from kprov.kube.machinery.selectors import FieldSelector, SelectorError

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
#: The part of a proxy path that this server interprets; it forwards the rest unchanged.
_PROXY: Final = re.compile(r"/api/v1/(?:namespaces/[^/]+/)?[^/]+/[^/]+/proxy/")
_SELECTING: Final = {"list", "watch", "deletecollection"}
_SPECIAL_NAMESPACE_SUBRESOURCES: Final = {"status", "finalize"}


#: Clients request the same paths repeatedly, such as leases and nodes.
_REMEMBERED: Final = 4096
_SHORT: Final = 512


def parse(method: str, path: str, query: Mapping[str, str]) -> tuple[RequestInfo, str]:
    """Return the RequestInfo, and the path behind a subresource ("/a/b" of .../proxy/a/b).

    path: percent-encoded.
    """
    watch, fields = (query.get("watch"), query.get("fieldSelector")) if query else (None, None)
    if len(path) + len(fields or "") > _SHORT:
        return _parse(method, path, watch, fields)
    return _parse_cached(method, path, watch, fields)


@lru_cache(_REMEMBERED)
def _parse_cached(method: str, path: str, watch: str | None, fields: str | None) -> tuple[RequestInfo, str]:
    return _parse(method, path, watch, fields)


def _parse(method: str, path: str, watch: str | None, selector: str | None) -> tuple[RequestInfo, str]:
    """watch, selector: the parameters watch and fieldSelector."""
    whole, kept = unquote(path), ""
    if "%" in path:
        proxy = _PROXY.match(path)
        if proxy is not None:
            path, kept = proxy[0].removesuffix("/"), path[proxy.end() - 1 :]
        path = unquote(path)
    # Two slashes have an empty part between them, which matches no route.
    parts = path.strip("/").split("/")
    plain = RequestInfo(path=whole, verb=method.lower(), is_resource_request=False)
    if len(parts) < 3 or parts[0] not in {"api", "apis"}:
        return plain, ""
    prefix = parts[0]
    if prefix == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        group, version, rest = parts[1], parts[2], parts[3:]
    if not rest:
        return plain, ""
    by_path = rest[0] == "watch" and len(rest) > 1
    if by_path:
        rest = rest[1:]
    namespace, in_namespace, rest = _split_namespace(rest)
    resource, name, subresource = [*rest[:3], "", "", ""][:3]
    tail = "/" + "/".join(rest[3:]) if len(rest) > 3 else kept
    if path.endswith("/") and subresource == "proxy":
        tail = tail + "/" if tail else "/"
    verb = "watch" if by_path else _find_verb(method, watch, has_name=bool(name))
    fields = _parse_field_terms(selector) if verb in _SELECTING and selector is not None else ()
    info = RequestInfo(
        path=whole,
        verb=verb,
        is_resource_request=True,
        api_prefix=prefix,
        api_group=group,
        # No route begins with two slashes.
        api_version="" if path.startswith("//") else version,
        namespace=namespace,
        resource=resource,
        subresource=subresource,
        name=name or next((value for field, value in fields if field == "metadata.name"), ""),
        selected_fields=fields,
        in_namespace=in_namespace,
    )
    return info, tail


def _split_namespace(parts: list[str]) -> tuple[str, bool, list[str]]:
    """Return (namespace, whether the resource is within it, parts of the path from the resource on)."""
    if parts[0] != "namespaces" or len(parts) == 1:
        return "", False, parts
    if len(parts) > 2 and parts[2] not in _SPECIAL_NAMESPACE_SUBRESOURCES:
        return parts[1], True, parts[2:]
    return parts[1], False, parts


def _find_verb(method: str, watch: str | None, *, has_name: bool) -> str:
    verb = _VERBS.get(method, "")
    if has_name:
        return verb
    if verb == "get":
        return "watch" if is_true(watch) else "list"
    return "deletecollection" if verb == "delete" else verb


def is_watch_path(info: RequestInfo) -> bool:
    """Whether it is a deprecated path with /watch/ before the resource."""
    group = f"/apis/{info.api_group}" if info.api_group else "/api"
    return info.verb == "watch" and info.path.startswith(f"{group}/{info.api_version}/watch/")


def _parse_field_terms(text: str) -> tuple[tuple[str, str], ...]:
    """Return the equality terms of the field selector; () for an invalid one, which the verb rejects."""
    try:
        selector = FieldSelector.parse(text)
    except SelectorError:
        return ()
    return tuple((term.field, term.value) for term in selector.terms if not term.negated)
