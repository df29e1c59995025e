"""Which controllers a change of the leader met in the middle of their work, from the audit logs of the servers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from kprov.kube.controller_manager.registry import ACCOUNTS, ROOT_CLIENTS
from tests.apiserver.failover.rounds import TWIN
from tests.apiserver.failover.timeline import Write, is_lease

_ACCOUNT: Final = "system:serviceaccount:kube-system:"
_ROUND: Final = re.compile(r"round-(\d+)\b")
#: Accounts with several controllers, by what each of them changes.
_SHARED: Final[Mapping[tuple[str, str, str], str]] = {
    ("node-controller", "patch", "nodes"): "node-lifecycle-controller, node-ipam-controller",
    ("node-controller", "patch", "nodes/status"): "node-lifecycle-controller",
    ("node-controller", "patch", "pods/status"): "node-lifecycle-controller, taint-eviction-controller",
    ("node-controller", "delete", "pods"): "taint-eviction-controller",
    (
        "certificate-controller",
        "create",
        "subjectaccessreviews",
    ): "certificatesigningrequest-approving-controller",
    (
        "certificate-controller",
        "update",
        "certificatesigningrequests/approval",
    ): "certificatesigningrequest-approving-controller",
    (
        "certificate-controller",
        "update",
        "certificatesigningrequests/status",
    ): "certificatesigningrequest-signing-controller",
}
_NAMES: Final = {
    account: name
    for name, account in ACCOUNTS.items()
    if account not in {"node-controller", "certificate-controller"}
}
#: Controllers that write nothing in these rounds, with the reason.
SILENT: Final[Mapping[str, str]] = {
    "certificatesigningrequest-cleaner-controller": "deletes requests that are an hour old, once an hour",
    "persistentvolume-expander-controller": "writes events only",
    "selinux-warning-controller": "writes events only, off by default",
}


@dataclass(frozen=True, slots=True)
class Interruption:
    """A change of the leader in a round. Times are those of the audit log, which sort as text."""

    number: int
    begin: str
    kill: str
    end: str


@dataclass(slots=True)
class Coverage:
    """What a controller did in a run."""

    writes: int = 0
    #: Rounds in which it wrote between their beginning and the kill, and again after the kill.
    interrupted: set[int] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)


def get_audit_time() -> str:
    """The time as in the audit log."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def compute_coverage(writes: Sequence[Write], interruptions: Sequence[Interruption]) -> dict[str, Coverage]:
    """By the name of the controller. The name of a write that two controllers may do has both."""
    found: dict[str, Coverage] = {}
    before: set[tuple[str, int]] = set()
    for write in writes:
        name = name_controller(write)
        if not name:
            continue
        coverage = found.setdefault(name, Coverage())
        coverage.writes += 1
        coverage.resources.add(write.resource)
        for interruption in _list_met(write, interruptions):
            key = (name, interruption.number)
            if write.received <= interruption.kill:
                before.add(key)
            elif key in before:
                coverage.interrupted.add(interruption.number)
    return found


def _list_met(write: Write, interruptions: Sequence[Interruption]) -> Iterator[Interruption]:
    """The rounds to which a write may belong: the one that it names, or any at its time."""
    named = _ROUND.search(f"{write.namespace}/{write.name}")
    for each in interruptions:
        if each.begin <= write.received <= each.end and (
            named is None or int(named[1]) % TWIN == each.number
        ):
            yield each


def name_controller(write: Write) -> str:
    """ "" for what is no controller's: the lease, and the accounts and tokens of the controllers."""
    if not write.user.startswith(_ACCOUNT):
        is_token = write.resource in {"secrets", "serviceaccounts"} and write.namespace != "kube-system"
        return next(iter(ROOT_CLIENTS)) if is_token and not is_lease(write) else ""
    account = write.user.removeprefix(_ACCOUNT)
    return _SHARED.get((account, write.verb, write.resource)) or _NAMES.get(account, account)


def list_idle(coverage: Mapping[str, Coverage]) -> list[str]:
    """Controllers that wrote nothing, besides those from which nothing is expected."""
    active = {name for names in coverage for name in names.split(", ")}
    return sorted({*ACCOUNTS, *ROOT_CLIENTS} - active - SILENT.keys())


def render_table(coverage: Mapping[str, Coverage], rounds: int) -> str:
    lines = [f"{'controller':66}{'writes':>8}  interrupted (of {rounds} rounds)  resources"]
    lines += [
        f"{name:66}{each.writes:8}{len(each.interrupted):8}  {' '.join(sorted(each.resources))}"
        for name, each in sorted(coverage.items(), key=lambda item: item[0])
    ]
    lines += [f"{name:66}       0         {reason}" for name, reason in sorted(SILENT.items())]
    return "\n".join(lines)
