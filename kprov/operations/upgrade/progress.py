"""What the journal of an upgrade or a rollback knows: of each host, and of the operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from kprov.operations.progress import Progress


@dataclass(frozen=True)
class HostProgress(Progress):
    """The state of one host, which upgrade and rollback share.

    `begun` and `done` name the target with which the upgrade began and ended; `before` is the digest of the
    bundle before; `cordoned` is whether the user had cordoned the node, None if the operation drains nothing.
    """

    key: ClassVar[str] = "progress"
    older_key: ClassVar[str] = "{field} {host}"

    begun: str | None = None
    done: str | None = None
    before: str | None = None
    cordoned: bool | None = None


@dataclass(frozen=True)
class UpgradeProgress(Progress):
    """`leader` is the host of etcd's leader when the upgrade began, empty if it was unknown."""

    key: ClassVar[str] = "upgrade"

    leader: str = ""


@dataclass(frozen=True)
class RollbackProgress(Progress):
    """`targets` are the digests of the bundles to return to, by host; empty before they are chosen."""

    key: ClassVar[str] = "rollback"

    targets: dict[str, str] = field(default_factory=dict)
