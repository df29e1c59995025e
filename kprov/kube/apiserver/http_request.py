"""The request as the listener makes it: aiohttp's, with what the chain hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web
from aiohttp.hdrs import SERVER
from multidict import istr

if TYPE_CHECKING:
    import asyncio

    from kprov.kube.apiserver.audit.event import AuditEvent
    from kprov.kube.apiserver.flowcontrol.level import Ticket

AUDIT_ID: Final = istr("Audit-Id")
SCHEMA_UID: Final = istr("X-Kubernetes-Pf-Flowschema-Uid")
LEVEL_UID: Final = istr("X-Kubernetes-Pf-Prioritylevel-Uid")


class Seat(Protocol):
    """Something that is in use by a request."""

    def leave(self) -> None:
        """Harmless a second time."""


class Request(web.BaseRequest):
    """`audit`: None when nothing of it is recorded. `ticket`: None for what no flow schema is asked about."""

    ATTRS = web.BaseRequest.ATTRS | frozenset({"audit", "audit_id", "is_long", "seat", "ticket"})

    audit: AuditEvent | None = None
    #: Of an event that has been written to its end already.
    audit_id = ""
    ticket: Ticket | None = None
    #: What the request has to give back at its end: the ticket, or a place under a plain limit.
    seat: Seat | None = None
    #: A watch or a connection: it is answered long before it ends.
    is_long = False

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Called by aiohttp before a response's head is sent, whoever sends it."""
        headers = response.headers
        # aiohttp tells its version; upstream tells nothing.
        headers.pop(SERVER, None)
        ticket = self.ticket
        if ticket is not None:
            headers[SCHEMA_UID] = ticket.schema_uid
            headers[LEVEL_UID] = ticket.level_uid
            if self.is_long:
                ticket.leave()
        event = self.audit
        if event is None:
            if self.audit_id:
                headers[AUDIT_ID] = self.audit_id
        else:
            headers[AUDIT_ID] = event.id
            if self.is_long:
                event.started(response.status)


def readable(text: str) -> str:
    """A header's value with bytes that are no UTF-8 replaced."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def factory(loop: asyncio.AbstractEventLoop) -> Any:
    """What web.Server wants as request_factory."""

    def make(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Request:
        return Request(message, payload, protocol, writer, task, loop)

    return make
