"""The request as the listener makes it, with what the chain hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from multidict import istr

from kprov.kube.component_base.http11 import request as http11
from kprov.kube.component_base.http11.answer import Answer

if TYPE_CHECKING:
    from kprov.kube.apiserver.audit.event import AuditEvent
    from kprov.kube.apiserver.flowcontrol.level import Ticket

AUDIT_ID: Final = istr("Audit-Id")
SCHEMA_UID: Final = istr("X-Kubernetes-Pf-Flowschema-Uid")
LEVEL_UID: Final = istr("X-Kubernetes-Pf-Prioritylevel-Uid")


class Seat(Protocol):
    """Something that is in use by a request."""

    def leave(self) -> None:
        """Harmless a second time."""


class Request(http11.Request):
    """`audit`: None when nothing of it is recorded. `ticket`: None for what no flow schema is asked about."""

    __slots__ = ("audit", "audit_id", "is_long", "place", "seat", "ticket", "warnings")

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.audit: AuditEvent | None = None
        #: Of an event that has been written to its end already.
        self.audit_id = ""
        #: Of its credentials.
        self.warnings: Sequence[str] = ()
        self.ticket: Ticket | None = None
        #: What the request has to give back at its end: the ticket, or a place under a plain limit.
        self.seat: Seat | None = None
        #: A watch or a connection: it is answered long before it ends.
        self.is_long = False
        #: What metrics count it as: "" for one of a resource, else the name of what is none; None: nothing.
        self.place: str | None = None

    def answering(self, answer: Answer) -> None:
        """Called before an answer's head is sent, whoever sends it."""
        headers = answer.headers
        ticket = self.ticket
        if ticket is not None:
            headers[SCHEMA_UID] = ticket.schema_uid
            headers[LEVEL_UID] = ticket.level_uid
            if self.is_long:
                ticket.leave()
        for text in self.warnings:
            headers.add("Warning", f'299 - "{text}"')
        event = self.audit
        if event is None:
            if self.audit_id:
                headers[AUDIT_ID] = self.audit_id
        else:
            headers[AUDIT_ID] = event.id
            if self.is_long:
                event.started(answer.status)


def readable(text: str) -> str:
    """A header's value with bytes that are no UTF-8 replaced."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
