"""The request as the listener makes it, with what the chain hangs on it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from itertools import count
from typing import Any, Final, Protocol

from multidict import istr

from kprov.kube.component_base.http11 import request as http11
from kprov.kube.component_base.http11.response import BaseResponse

AUDIT_ID: Final = istr("Audit-Id")
SCHEMA_UID: Final = istr("X-Kubernetes-Pf-Flowschema-Uid")
LEVEL_UID: Final = istr("X-Kubernetes-Pf-Prioritylevel-Uid")
#: Ids look like random UUIDs: the beginning is of this process, the end of the request.
_PREFIX: Final = str(uuid.uuid4())[:24]
_NUMBERS: Final = count(secrets.randbits(40))


class Seat(Protocol):
    """Something that is in use by a request."""

    def leave(self) -> None:
        """Harmless a second time."""


class Ticket(Seat, Protocol):
    """A seat of a priority level, with the schema and the level that the response headers name."""

    #: Seconds in a queue.
    waited: float

    @property
    def schema_uid(self) -> str: ...

    @property
    def level_uid(self) -> str: ...


class AuditRecord(Protocol):
    """The part of a request's audit event that handlers and the listener write."""

    body: bytes
    content_type: str

    def write_response_started(self, code: int) -> None:
        """Stage ResponseStarted, for long-running requests."""

    def write_panic(self, text: str) -> None:
        """Stage Panic."""


class Request(http11.Request):
    """`audit`: None when nothing of it is recorded. `ticket`: None for what no flow schema is asked about."""

    __slots__ = (
        "_audit_id",
        "audit",
        "is_long",
        "long_answer",
        "metrics_label",
        "seat",
        "ticket",
        "warnings",
    )

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.audit: AuditRecord | None = None
        self._audit_id = ""
        #: Of its credentials.
        self.warnings: Sequence[str] = ()
        self.ticket: Ticket | None = None
        #: What the request has to give back at its end: the ticket, or a place under a plain limit.
        self.seat: Seat | None = None
        #: A watch or a connection: it is answered long before it ends.
        self.is_long = False
        #: Of such a one the answer, from its head on.
        self.long_answer: BaseResponse | None = None
        #: What metrics count it as: "" for one of a resource, else the name of what is none; None: nothing.
        self.metrics_label: str | None = None

    @property
    def audit_id(self) -> str:
        """The client's Audit-ID, or one of the request's own."""
        if not self._audit_id:
            self._audit_id = self.headers.get(AUDIT_ID) or f"{_PREFIX}{next(_NUMBERS):012x}"
        return self._audit_id

    def before_response(self, answer: BaseResponse) -> None:
        """Called before an answer's head is sent, whoever sends it."""
        headers = answer.headers
        if self.is_long:
            self.long_answer = answer
        ticket = self.ticket
        if ticket is not None:
            headers[SCHEMA_UID] = ticket.schema_uid
            headers[LEVEL_UID] = ticket.level_uid
            if self.is_long:
                ticket.leave()
        for text in self.warnings:
            headers.add("Warning", f'299 - "{text}"')
        headers[AUDIT_ID] = self.audit_id
        if self.audit is not None and self.is_long:
            self.audit.write_response_started(answer.status)


def replace_invalid_utf8(text: str) -> str:
    """A header's value with bytes that are no UTF-8 replaced."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
