"""What the journals of a restore of etcd and of a member's replacement know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Self

from kprov.operations.progress import Progress


class RestoreStep(StrEnum):
    """The steps of a restore whose result the hosts do not show."""

    INSTALL = "install"
    SAVE = "save"
    ETCD = "etcd"
    API = "api"
    SETUP = "setup"
    WATCHERS = "watchers"
    PROOF = "proof"


@dataclass(frozen=True)
class RestoreProgress(Progress):
    """The restore of the snapshot with this SHA-256.

    `token` names the files of the restore on the hosts; `missing` are the hosts that lacked a component when
    it began; `revision` is the one that all restored members get, None before it is chosen.
    """

    key: ClassVar[str] = "etcd restore"

    sha256: str = ""
    token: str = ""
    missing: tuple[str, ...] = ()
    revision: int | None = None
    done: tuple[RestoreStep, ...] = ()

    def with_step(self, step: RestoreStep) -> Self:
        """Return the record with a step that is done."""
        return replace(self, done=(*self.done, step))

    def without_step(self, step: RestoreStep) -> Self:
        """Return the record with a step that has to be done again."""
        return replace(self, done=tuple(other for other in self.done if other != step))


@dataclass(frozen=True)
class ReplaceProgress(Progress):
    """`members` are the ids of the host's members before the operation; `erased` whether its data is gone."""

    key: ClassVar[str] = "etcd replace"

    members: tuple[str, ...] = ()
    erased: bool = False
