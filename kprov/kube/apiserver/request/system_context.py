"""The request context of the server's own writes."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.resources import Resource

_SYSTEM: Final = UserInfo(name="system:apiserver", groups=("system:masters", "system:authenticated"))


def make_system_context(verb: str, resource: Resource, namespace: str = "", name: str = "") -> RequestContext:
    """Return a context for writes of the server itself: user system:apiserver in system:masters."""
    info = RequestInfo(
        path=resource.api_path,
        verb=verb,
        is_resource_request=True,
        api_prefix="apis" if resource.group else "api",
        api_group=resource.group,
        api_version=resource.version,
        namespace=namespace,
        resource=resource.plural,
        name=name,
    )
    return RequestContext(
        user=_SYSTEM, info=info, field_manager="kube-apiserver", user_agent="kube-apiserver"
    )
