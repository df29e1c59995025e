"""The 403 of a request that the authorizers do not allow.

Source: apiserver/pkg/endpoints/handlers/responsewriters/errors.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.request.context import RequestInfo
from kprov.kube.machinery import status


def forbidden_error(info: RequestInfo, user: str, reason: str) -> status.StatusError:
    """Return the 403 for a user that no authorizer allows the request, in upstream's words."""
    tail = f": {reason}" if reason else ""
    if not info.is_resource_request:
        text = f'User "{user}" cannot {info.verb} path "{info.path}"'
        return status.forbidden("", "", _escape_html(text) + tail)
    plural = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    scope = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    text = f'User "{user}" cannot {info.verb} resource "{plural}" in API group "{info.api_group}" {scope}'
    printed = f"{info.resource}.{info.api_group}" if info.api_group else info.resource
    return status.forbidden(printed, info.name, _escape_html(text) + tail)


def _escape_html(text: str) -> str:
    """Text of the client, which a browser must not take for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
