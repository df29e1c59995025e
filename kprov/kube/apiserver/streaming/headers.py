"""Filter headers between client and backend: without hop-by-hop headers and credentials."""

from __future__ import annotations

from typing import Final

from multidict import CIMultiDict

from kprov.kube.apiserver.authn.websocket_tokens import PROTOCOL_PREFIX
from kprov.kube.component_base.http11.framing import list_connection_options
from kprov.kube.component_base.http11.request import Request

#: Hop-by-hop headers (RFC 9110, 7.6.1).
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OWN: Final = frozenset({"authorization", "host"})
_OWN_PREFIXES: Final = ("impersonate-", "x-remote-")
_BODY: Final = frozenset({"content-length", "transfer-encoding", "trailer"})
#: Methods that have Content-Length: 0 without a body.
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
#: The User-Agent for clients without one.
GO_CLIENT: Final = "Go-http-client/1.1"

_CORS: Final = "access-control-"


def filter_answer(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return the headers of a backend's response for the client, without CORS headers."""
    named = list_connection_options(headers)
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        lower = name.lower()
        if lower not in HOP_BY_HOP and lower not in named and not lower.startswith(_CORS):
            kept.add(name, value)
    return kept


def filter_request(request: Request) -> CIMultiDict[str]:
    """Return the headers of a plain HTTP request for the backend."""
    named = list_connection_options(request.headers)
    headers = _copy_headers(request, HOP_BY_HOP | named)
    if any(coding.strip().lower() == "trailers" for coding in request.headers.get("Te", "").split(",")):
        headers["Te"] = "trailers"
    if request.method not in BODY_METHODS and not request.has_body:
        headers.popall("Content-Length", None)
    return headers


def filter_upgrade(request: Request) -> CIMultiDict[str]:
    """Return the headers of an upgrade for the backend: all but a token among the subprotocols."""
    headers = _copy_headers(request, _BODY)
    offered = [
        protocol.strip()
        for line in headers.popall("Sec-WebSocket-Protocol", [])
        for protocol in line.split(",")
        if not protocol.strip().startswith(PROTOCOL_PREFIX)
    ]
    if offered:
        headers["Sec-Websocket-Protocol"] = ", ".join(offered)
    add_forwarded_for(request, headers)
    headers.setdefault("User-Agent", GO_CLIENT)
    if request.method in BODY_METHODS:
        headers["Content-Length"] = "0"
    return headers


def add_forwarded_for(request: Request, headers: CIMultiDict[str]) -> None:
    """Add X-Forwarded-For to the headers for the backend."""
    if request.remote:
        headers["X-Forwarded-For"] = ", ".join([*headers.getall("X-Forwarded-For", []), request.remote])


def _copy_headers(request: Request, left_out: frozenset[str]) -> CIMultiDict[str]:
    """Copy headers with Go's capitalization of names, which some backends require."""
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        lower = name.lower()
        if lower not in left_out and lower not in _OWN and not lower.startswith(_OWN_PREFIXES):
            headers.add("-".join(part.capitalize() for part in name.split("-")), value)
    return headers
