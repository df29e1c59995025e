"""What an action gets, and what it answers: a result, or a call of one of the agent's modules."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kprov.errors import KprovError, PreflightError, UnreachableError
from kprov.inventory.model import Inventory
from kprov.playbook.model import Task
from kprov.playbook.result import Callbacks, RunOptions, Silent
from kprov.playbook.scope import Scope
from kprov.playbook.templating import Templar
from kprov.transport.options import Become

if TYPE_CHECKING:
    from kprov.playbook.sending import Sender


class ActionError(KprovError):
    """An action failed; the message becomes the task's."""


@dataclass
class Call:
    """One task on one host (one item of its loop); `args` are templated."""

    task: Task
    host: str
    scope: Scope
    templar: Templar
    args: dict[str, Any]
    playbook_dir: Path
    check: bool = False
    diff: bool = False
    #: Where and as whom the task works; `address` is `target` as Connections know it.
    target: str = ""
    address: str = ""
    become: Become | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    #: Seconds that `async` allows, and those between polls.
    background: tuple[int, int] = (0, 0)
    sender: Sender | None = None
    #: Of the run: what concerns no host but the engine (pause, add_host).
    options: RunOptions = field(default_factory=RunOptions)
    callbacks: Callbacks = field(default_factory=Silent)
    inventory: Inventory = field(default_factory=lambda: Inventory(Path()))

    def remote(
        self,
        module: str,
        args: dict[str, Any],
        contents: dict[str, bytes | Path] | None = None,
        *,
        check: bool | None = None,
    ) -> dict[str, Any]:
        """The result of an agent's module on the task's host, as the task's user."""
        assert self.sender is not None, "a task of the run itself has no host"
        items = [{"args": args, "environment": self.environment}]
        return self.sender.send(
            self.address,
            self.become,
            module,
            items,
            contents,
            check=self.check if check is None else check,
            diff=self.diff,
        )[0]

    def reconnect(self, timeout: float, *, pause: float = 1.0) -> None:
        """Close the connection and open it anew, trying for `timeout` seconds. Raises UnreachableError."""
        assert self.sender is not None, "a task of the run itself has no host"
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.sender.connections.drop(self.address)
                self.remote("ping", {}, check=False)
                return
            except (UnreachableError, PreflightError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause)

    def search(self, kind: str) -> list[Path]:
        """Folders where Ansible looks for files of a kind ("files", "templates", "vars"), best first."""
        found = []
        roles = [self.task.role, *reversed(self.task.role.lineage()[:-1])] if self.task.role else []
        for role in roles:
            if role is not None:
                found += [role.path / kind, role.path]
        found += [Path(self.task.file).parent, self.playbook_dir / kind, self.playbook_dir]
        if kind == "templates":
            found.append(self.playbook_dir.parent / "templates")
        return found

    def find(self, name: str, kind: str) -> Path:
        """A file on the operator's machine."""
        path = Path(name).expanduser()
        tried = [path] if path.is_absolute() else [folder / path for folder in self.search(kind)]
        for candidate in tried:
            if candidate.exists():
                return candidate
        where = ", ".join(str(candidate.parent) for candidate in tried)
        raise ActionError(f"Could not find or access '{name}' (looked in {where})")


@dataclass
class Remote:
    """A call of the agent; `contents` are files by SHA-256, bytes or a path on the operator's machine."""

    module: str
    args: dict[str, Any]
    contents: dict[str, bytes | Path] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)


_digests: dict[tuple[str, int, int], str] = {}


def content(path: Path) -> tuple[str, bytes | Path]:
    """SHA-256 of a file and the file itself, read when it is small."""
    now = path.stat()
    key = (str(path), now.st_mtime_ns, now.st_size)
    if now.st_size <= 65536:
        data = path.read_bytes()
        return hashlib.sha256(data).hexdigest(), data
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key], path


def text(data: str) -> tuple[str, bytes]:
    """SHA-256 and bytes of a text."""
    encoded = data.encode("utf-8", "surrogateescape")
    return hashlib.sha256(encoded).hexdigest(), encoded
