"""Which of a request's headers go on to a backend: not those of the connection, and no one's credentials."""

from __future__ import annotations

from typing import Final

from multidict import CIMultiDict

from kprov.kube.apiserver.authentication.websocket_tokens import PROTOCOL_PREFIX
from kprov.kube.component_base.http11.request import Request

#: Between two neighbours only (RFC 9110, 7.6.1).
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


_CORS: Final = "access-control-"


def of_answer(given: CIMultiDict[str]) -> CIMultiDict[str]:
    """A backend's headers as the client sees them: this server says who may read an answer."""
    named = {each.strip().lower() for line in given.getall("Connection", ()) for each in line.split(",")}
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        lower = name.lower()
        if lower not in HOP_BY_HOP and lower not in named and not lower.startswith(_CORS):
            kept.add(name, value)
    return kept


def for_request(request: Request) -> CIMultiDict[str]:
    """For a plain HTTP request."""
    named = {each.strip().lower() for each in request.headers.get("Connection", "").split(",")}
    left_out = HOP_BY_HOP | _OWN | named
    found: CIMultiDict[str] = CIMultiDict()
    for name, value in request.headers.items():
        lower = name.lower()
        if lower not in left_out and not lower.startswith(_OWN_PREFIXES):
            found.add(name, value)
    return found


def for_upgrade(request: Request) -> CIMultiDict[str]:
    """For a request that switches protocols: the switch is passed on, a token among its protocols is not."""
    found = for_request(request)
    found["Connection"] = "Upgrade"
    found["Upgrade"] = request.headers.get("Upgrade", "")
    offered = [
        each.strip()
        for line in found.popall("Sec-WebSocket-Protocol", [])
        for each in line.split(",")
        if not each.strip().startswith(PROTOCOL_PREFIX)
    ]
    if offered:
        found["Sec-WebSocket-Protocol"] = ", ".join(offered)
    return found
