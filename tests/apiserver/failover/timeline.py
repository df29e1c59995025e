"""Who held the lease when, and who wrote when: read from the audit logs of the servers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ACCOUNTS: Final = "system:serviceaccount:kube-system:"
_MANAGER: Final = "system:kube-controller-manager"
_LEASE: Final = "kube-controller-manager"


@dataclass(frozen=True, slots=True, order=True)
class Write:
    """An executed change. Times as in the log, which sort as text."""

    received: str
    answered: str
    #: Number of the server, which is that of the manager.
    server: int
    user: str
    verb: str
    resource: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """From the first write of the lease by a manager to the first one by the other manager."""

    server: int
    start: str
    end: str


def read_writes(logs: Sequence[Path]) -> list[Write]:
    """Changes by controller managers, in the order of their arrival."""
    writes = [
        Write(
            received=event["requestReceivedTimestamp"],
            answered=event["stageTimestamp"],
            server=number,
            user=event["user"]["username"],
            verb=event["verb"],
            resource=_name_resource(event.get("objectRef", {})),
            name=event.get("objectRef", {}).get("name", ""),
            namespace=event.get("objectRef", {}).get("namespace", ""),
        )
        for number, log in enumerate(logs)
        for event in map(json.loads, log.read_text().splitlines())
        if event["user"]["username"].startswith((_ACCOUNTS, _MANAGER))
        and event.get("responseStatus", {}).get("code", 0) < 300
    ]
    return sorted(writes)


def list_terms(writes: Sequence[Write]) -> list[Term]:
    """The terms of office. The last one has the end "~", which sorts after all times."""
    renewals = [each for each in writes if (each.resource, each.name) == ("leases", _LEASE) or is_lease(each)]
    terms: list[Term] = []
    for renewal in sorted(renewals, key=lambda each: each.answered):
        if terms and terms[-1].server == renewal.server:
            continue
        if terms:
            terms[-1] = Term(terms[-1].server, terms[-1].start, renewal.received)
        terms.append(Term(renewal.server, renewal.received, "~"))
    return terms


def is_lease(write: Write) -> bool:
    """Whether this is a write of the lease. Its creation names no object."""
    return write.user == _MANAGER and write.resource == "leases"


def find_intrusions(writes: Sequence[Write]) -> list[Write]:
    """Changes that a manager began outside of its terms. Tokens are requested before the work begins."""
    terms = list_terms(writes)
    return [
        write
        for write in writes
        if not is_lease(write)
        and write.resource != "serviceaccounts/token"
        and not any(
            term.server == write.server and term.start <= write.received <= term.end for term in terms
        )
    ]


def _name_resource(reference: dict[str, str]) -> str:
    parts = (reference.get("resource", ""), reference.get("subresource", ""))
    return "/".join(part for part in parts if part)
