"""What the journals of a removal and of a replacement of hosts know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from kprov.operations.phases import Memory
from kprov.operations.progress import Progress


@dataclass(frozen=True)
class RemovalProgress(Progress):
    """`targets` are the names whose removal has begun: their checks are over."""

    key: ClassVar[str] = "node remove"

    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class OldHost(Progress):
    """What the cluster knew of a host before its replacement, which has the same names.

    `members` are ids of members of etcd, `node` the UID of its Node (empty without one). `reset`: what is on
    the host is the new one's.
    """

    key: ClassVar[str] = "old host"

    members: tuple[str, ...] = ()
    node: str = ""
    reset: bool = False

    @classmethod
    def read_older(cls, memory: Memory, host: str) -> Any:
        """Return the record of a journal of version 0.1.0, whose key was the name of the host."""
        return memory.read(host)
