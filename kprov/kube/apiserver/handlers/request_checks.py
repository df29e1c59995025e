"""Checks of a request before its handler: the path, the method, the timeout."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from typing import Final

from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.apiserver.request import info as request_info
from kprov.kube.component_base import durations
from kprov.kube.component_base.http11.response import Response
from kprov.kube.machinery import status
from kprov.kube.machinery.resources import Resource

#: Subresources that connect the client with a kubelet or a backend.
CONNECT: Final = {"proxy", "exec", "attach", "portforward"}
_ITEM: Final = {"get", "update", "patch", "delete"}
_EVERYWHERE: Final = {"list", "watch"}
_COLLECTION: Final = {"list", "watch", "create", "deletecollection"}


#: The verb of a path with a subresource but an empty name.
_NAMED: Final = {"list": "get", "watch": "get", "deletecollection": "delete"}


def check_method(method: str, info: RequestInfo, resource: Resource, tail: str = "") -> None:
    """Raise StatusError 404 for an unknown path, 405 for a wrong method, 400 for a missing name.

    tail: the path behind the subresource.
    """
    if info.in_namespace and not resource.namespaced and resource.plural != "namespaces":
        raise status.path_not_found()
    has_name = bool(info.name) and info.verb not in {"list", "watch", "deletecollection"}
    everywhere = resource.namespaced and not info.in_namespace
    verbs: Collection[str] = resource.verbs
    if everywhere and (has_name or info.subresource):
        raise status.path_not_found()
    verb = info.verb
    if info.subresource:
        verb = verb if info.name else _NAMED.get(verb, verb)
        allowed = {verb} if info.subresource == "proxy" else _list_subresource_verbs(resource, info)
    elif tail:
        raise status.path_not_found()
    elif has_name:
        allowed = _ITEM.intersection(verbs)
    else:
        allowed = (_EVERYWHERE if everywhere else _COLLECTION).intersection(verbs)
    by_path = request_info.is_watch_path(info)
    if not allowed or (
        by_path and ("watch" not in allowed or (everywhere and info.name and not info.selected_fields))
    ):
        raise status.path_not_found()
    is_head = method == "HEAD" and info.subresource != "proxy"
    if verb not in allowed or is_head or (by_path and method != "GET"):
        raise status.method_not_allowed()
    if info.subresource and not info.name:
        raise status.bad_request("name must be provided")
    if has_name and resource.namespaced and not info.namespace:
        raise metadata.make_missing_namespace_error()


def _list_subresource_verbs(resource: Resource, info: RequestInfo) -> set[str]:
    subresource = resource.subresource(info.subresource)
    if subresource is None:
        raise status.path_not_found()
    return set(subresource.verbs)


def answer_unknown_path(path: str, groups: Container[str]) -> Response:
    """Raise a Status 404 for an unknown path below /api or a served group. Return plain text for others."""
    first, _, rest = path.removeprefix("/").partition("/")
    if first == "api" or (first == "apis" and rest.partition("/")[0] in groups):
        raise status.path_not_found()
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"}
    return Response(status=404, text="404 page not found\n", headers=headers)


def parse_timeout(query: Mapping[str, str], most: float) -> float:
    """Return the seconds of the parameter `timeout`, a Go duration. Raise StatusError 400.

    most: the maximum and the default.
    """
    text = query.get("timeout")
    if not text:
        return most
    why = durations.describe_error(text)
    if why:
        raise status.bad_request(f"invalid timeout specified in the request URL - {why}")
    seconds = durations.parse(text)
    return seconds if 0 < seconds < most else most


def check_connection(query: Mapping[str, str]) -> None:
    """Raise StatusError 400 for a connection with the parameter dryRun."""
    if "dryRun" in query:
        raise status.bad_request("dryRun is not supported")
