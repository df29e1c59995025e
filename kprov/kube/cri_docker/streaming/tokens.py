"""Addresses that work once: a request of CRI that waits for its connection (cri-dockerd: streaming)."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final

from kprov.kube.component_base.rpc.status import Code, RpcError

_SECONDS: Final = 60.0
_MAX_WAITING: Final = 1000


@dataclass(frozen=True, slots=True)
class ExecTarget:
    """A command in a container. container_id: Docker's. Also an attachment, whose command is empty."""

    container_id: str
    command: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """The network namespace of a sandbox, as a path."""

    namespace: str


Target = ExecTarget | ForwardTarget


class Tokens:
    """What waits, at most a minute."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[float, Target]] = {}

    def add(self, target: Target) -> str:
        """Return a token for the target. RpcError RESOURCE_EXHAUSTED: too many wait."""
        oldest = time.monotonic() - _SECONDS
        self._waiting = {key: entry for key, entry in self._waiting.items() if entry[0] > oldest}
        if len(self._waiting) >= _MAX_WAITING:
            raise RpcError(Code.RESOURCE_EXHAUSTED, "maximum number of in-flight requests exceeded")
        token = secrets.token_urlsafe(16)
        self._waiting[token] = (time.monotonic(), target)
        return token

    def take(self, token: str) -> Target | None:
        """Return the target of a token, once. None: there is none, or it has waited for too long."""
        at, target = self._waiting.pop(token, (0.0, None))
        return target if time.monotonic() - at < _SECONDS else None
