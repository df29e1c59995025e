"""GET requests of probes and lifecycle hooks.

No certificate is verified, and redirects are followed within the host alone. A pod is not trusted: head, body
and time are limited.
Source: upstream pkg/probe/http/{http,request}.go, pkg/kubelet/lifecycle/handlers.go (runHTTPHandler).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from multidict import CIMultiDict

from kprov.kube.api.core import HTTPGetAction
from kprov.kube.component_base.http11.dial_errors import GAVE_HTTP
from kprov.kube.component_base.http_get import Document, GetError, get_document, open_unverified
from kprov.kube.kubelet.probes.errors import HandlerError

PROBE_AGENT: Final = "kube-probe/1.36"
HOOK_AGENT: Final = "kube-lifecycle/1.36"
_MAX_BODY_BYTES: Final = 10 * 1024
_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
#: What Go's URL keeps in a path and a query.
_URL_CHARACTERS: Final = "/%?$&+,:;=@~!'()*[]"


async def probe(action: HTTPGetAction, host: str, port: int, timeout: float) -> str:
    """Return "", or a warning if the last response redirects. HandlerError: the probe failed."""
    document = await _get(make_url(action, host, port), make_headers(action, PROBE_AGENT), timeout)
    if not 200 <= document.status < 400:
        raise HandlerError(f"HTTP probe failed with statuscode: {document.status}")
    if document.status >= 300:
        return f"Probe terminated redirects, Response body: {document.body.decode(errors='replace')}"
    return ""


async def call_hook(action: HTTPGetAction, host: str, port: int, timeout: float) -> None:
    """HandlerError: there was no response. Its status does not matter, as upstream.

    A request for https that is answered in plain text is sent again over http, without credentials.
    """
    url, headers = make_url(action, host, port), make_headers(action, HOOK_AGENT)
    try:
        await _get(url, headers, timeout)
    except HandlerError as error:
        if not str(error).endswith(GAVE_HTTP):
            raise
        headers.popall("Authorization", None)
        await _get(url.replace("https://", "http://", 1), headers, timeout)


async def _get(url: str, headers: CIMultiDict[str], timeout: float) -> Document:
    try:
        return await get_document(
            url, headers, open_unverified, seconds=timeout, max_bytes=_MAX_BODY_BYTES, leaves_host=False
        )
    except GetError as error:
        raise HandlerError(f'Get "{error.url}": {error}') from error


def make_url(action: HTTPGetAction, host: str, port: int) -> str:
    """Return the URL of an action. As upstream, a malformed path is escaped as a whole."""
    path = action.path or "/"
    path = path if path.startswith("/") else f"/{path}"
    if _BAD_ESCAPE.search(path):
        path = quote(path, safe=_URL_CHARACTERS.replace("%", "").replace("?", ""))
    else:
        path = quote(path.partition("#")[0], safe=_URL_CHARACTERS)
    authority = f"[{host}]" if ":" in host else host
    return f"{(action.scheme or 'HTTP').lower()}://{authority}:{port}{path}"


def make_headers(action: HTTPGetAction, agent: str) -> CIMultiDict[str]:
    """Return the headers of an action, and the default ones, which empty values remove, as upstream."""
    headers = CIMultiDict((header.name, header.value) for header in action.http_headers)
    for name, default in (("User-Agent", agent), ("Accept", "*/*")):
        if name not in headers:
            headers[name] = default
        elif not headers[name]:
            headers.popall(name)
    hosts = headers.popall("Host", [""])
    if hosts[0]:
        headers["Host"] = hosts[0]
    return headers
