"""A path and a method taken apart. Source: apiserver/pkg/endpoints/request/requestinfo.go."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery.selectors import FieldSelector, SelectorError

_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_SELECTING: Final = {"list", "watch", "deletecollection"}
_SPECIAL_NAMESPACE_SUBRESOURCES: Final = {"status", "finalize"}


#: Paths without a query are asked for again and again: leases, nodes, what is looked up by its name.
_REMEMBERED: Final = 4096
_SHORT: Final = 512


def parse(method: str, path: str, query: Mapping[str, str]) -> tuple[RequestInfo, str]:
    """The request's info, and the path that follows a subresource ("/a/b" of .../proxy/a/b).

    path: still percent-encoded.
    """
    return _parse(method, path, query) if query or len(path) > _SHORT else _remembered(method, path)


@lru_cache(_REMEMBERED)
def _remembered(method: str, path: str) -> tuple[RequestInfo, str]:
    return _parse(method, path, {})


def _parse(method: str, path: str, query: Mapping[str, str]) -> tuple[RequestInfo, str]:
    parts = [part for part in path.split("/") if part]
    plain = RequestInfo(path=unquote(path), verb=method.lower(), is_resource_request=False)
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
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = unquote(rest[1])
        if len(rest) > 2 and rest[2] not in _SPECIAL_NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = [*map(unquote, rest[:3]), "", "", ""][:3]
    tail = "/" + "/".join(rest[3:]) if len(rest) > 3 else ""
    if path.endswith("/") and subresource == "proxy":
        tail = tail + "/" if tail else "/"
    verb = _VERBS.get(method, "") if not by_path else "watch"
    if not name and not by_path:
        if verb == "get":
            verb = "watch" if is_true(query.get("watch")) else "list"
        elif verb == "delete":
            verb = "deletecollection"
    fields = _selected(query) if verb in _SELECTING and "fieldSelector" in query else ()
    info = RequestInfo(
        path=unquote(path),
        verb=verb,
        is_resource_request=True,
        api_prefix=prefix,
        api_group=group,
        api_version=version,
        namespace=namespace,
        resource=resource,
        subresource=subresource,
        name=name or next((value for field, value in fields if field == "metadata.name"), ""),
        selected_fields=fields,
    )
    return info, tail


def is_watch_path(info: RequestInfo) -> bool:
    """Whether it is one of the old paths that say watch before the resource."""
    group = f"/apis/{info.api_group}" if info.api_group else "/api"
    return info.verb == "watch" and info.path.startswith(f"{group}/{info.api_version}/watch/")


def _selected(query: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The equality terms of the field selector; one that cannot be read is refused later."""
    try:
        selector = FieldSelector.parse(query["fieldSelector"])
    except SelectorError:
        return ()
    return tuple((term.field, term.value) for term in selector.terms if not term.negated)


def is_true(text: str | None) -> bool:
    """A boolean query parameter: present and neither 0 nor false, as upstream's conversion has it."""
    return text is not None and text.lower() not in {"0", "false"}
