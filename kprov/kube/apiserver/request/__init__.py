"""One API request: its path, user, headers, body and parameters, read and checked.

Every layer from the registry up uses it. May import: protobuf, component_base.http11, machinery.
"""

from __future__ import annotations

from kprov.kube.apiserver.request.context import ANONYMOUS, Remarks, RequestContext, RequestInfo, UserInfo

__all__ = ["ANONYMOUS", "Remarks", "RequestContext", "RequestInfo", "UserInfo"]
