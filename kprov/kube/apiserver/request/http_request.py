"""The HTTP request that the listener creates, with the attributes that the request chain sets."""

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
#: Audit IDs look like random UUIDs. The prefix is one for the process, the end is a counter.
_PREFIX: Final = str(uuid.uuid4())[:24]
_NUMBERS: Final = count(secrets.randbits(40))


class Seat(Protocol):
    """A place under a concurrency limit."""

    def leave(self) -> None:
        """Free the place. A second call does nothing."""


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

    @property
    def records_response(self) -> bool:
        """Whether the event has the body of the response."""

    def write_response_started(self, code: int) -> None:
        """Stage ResponseStarted, for long-running requests."""

    def write_panic(self, text: str) -> None:
        """Stage Panic."""


class Request(http11.Request):
    """`audit`: None without an audit event. `ticket`: None if no flow schema applies."""

    __slots__ = (
        "_audit_id",
        "audit",
        "is_long",
        "long_response",
        "metrics_label",
        "seat",
        "started",
        "ticket",
        "warnings",
    )

    #: perf_counter() when a long-running request started. Other requests do not have it.
    started: float

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.audit: AuditRecord | None = None
        self._audit_id = ""
        #: Warnings that the credentials cause.
        self.warnings: Sequence[str] = ()
        self.ticket: Ticket | None = None
        #: To be freed at the end of the request.
        self.seat: Seat | None = None
        #: A watch or a connection, whose head is sent long before its end.
        self.is_long = False
        #: The response to a long-running request, set when its head is sent.
        self.long_response: BaseResponse | None = None
        #: "" for requests to resources, else the value of the label resource; None: not counted.
        self.metrics_label: str | None = None

    @property
    def audit_id(self) -> str:
        """The Audit-ID header, or a new ID."""
        if not self._audit_id:
            self._audit_id = self.headers.get(AUDIT_ID) or f"{_PREFIX}{next(_NUMBERS):012x}"
        return self._audit_id

    def before_response(self, answer: BaseResponse) -> None:
        """Set headers. The listener calls it before it sends the head of an answer."""
        headers = answer.headers
        if self.is_long:
            self.long_response = answer
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
    """Replace bytes of a header that are not UTF-8 by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
