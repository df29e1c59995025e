"""What an action gets, and what it answers: a result, or a call of one of the agent's modules."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kprov.errors import KprovError, PreflightError, UnreachableError
from kprov.inventory.model import Inventory
from kprov.playbook.model.plays import Task
from kprov.playbook.results.run_result import Callbacks, RunOptions, SilentCallbacks
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import Templar
from kprov.transport.agent.contents import checksum
from kprov.transport.agent_modules import INLINE_BYTES
from kprov.transport.options.host_options import Become

if TYPE_CHECKING:
    from kprov.playbook.connections.module_sender import ModuleSender


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
    #: Seconds after which the host ends the task; 0 for no limit.
    timeout: int = 0
    #: Whether `no_log` hides the task.
    hidden: bool = False
    sender: ModuleSender | None = None
    #: Of the run: what concerns no host but the engine (pause, add_host).
    options: RunOptions = field(default_factory=RunOptions)
    callbacks: Callbacks = field(default_factory=SilentCallbacks)
    inventory: Inventory = field(default_factory=lambda: Inventory(Path()))

    def run_module(
        self,
        module: str,
        args: dict[str, Any],
        contents: dict[str, bytes | Path] | None = None,
        *,
        check: bool | None = None,
    ) -> dict[str, Any]:
        """The result of an agent's module on the task's host, as the task's user."""
        assert self.sender is not None, "a task of the run itself has no host"
        items = [self.make_item(args)]
        return self.sender.send(
            self.address,
            self.become,
            module,
            items,
            contents,
            check=self.check if check is None else check,
            diff=self.diff,
        )[0]

    def make_item(self, args: dict[str, Any]) -> dict[str, Any]:
        """An item of a message to an agent."""
        found = {"args": args, "environment": self.environment}
        return {**found, "timeout": self.timeout} if self.timeout else found

    def reconnect(self, timeout: float, *, pause: float = 1.0) -> None:
        """Close the connection and open it anew, trying for `timeout` seconds. Raises UnreachableError."""
        assert self.sender is not None, "a task of the run itself has no host"
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.sender.connections.drop(self.address)
                self.run_module("ping", {}, check=False)
                return
            except (UnreachableError, PreflightError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause)

    def search_folders(self, kind: str) -> tuple[Path, ...]:
        """Folders where Ansible looks for files of a kind ("files", "templates", "vars"), best first."""
        known = self.task.search_cache
        key = (kind, self.playbook_dir)
        if key not in known:
            known[key] = self._find_search_folders(kind)
        return known[key]

    def _find_search_folders(self, kind: str) -> tuple[Path, ...]:
        found: list[Path] = []
        for place in self.task.folders:
            if self.task.role and place.parent.name == "tasks":
                # Tasks that a role keeps in a folder of their own.
                found += [place.parent.parent / kind, place.parent]
            found += [place / kind, place]
        base = self.playbook_dir.absolute()
        return (*found, base / kind, base)

    def find_file(self, name: str, kind: str) -> Path:
        """A file on the operator's machine. Raises ActionError, which names the places."""
        path = Path(name).expanduser()
        folders = () if path.is_absolute() else self.search_folders(kind)
        for folder in folders or (Path(),):
            candidate = folder / path
            if candidate.exists():
                return candidate
        places = "\n\t".join(str(folder / path) for folder in folders)
        where = f"\nSearched in:\n\t{places}" if folders else ""
        raise ActionError(
            f"Could not find or access '{name}'{where} on the Ansible Controller.\n"
            "If you are using a module and expect the file to exist on the remote, see the remote_src option"
        )


@dataclass
class ModuleCall:
    """A call of the agent; `contents` are files by SHA-256, bytes or a path on the operator's machine."""

    module: str
    args: dict[str, Any]
    contents: dict[str, bytes | Path] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)


def hash_file(path: Path) -> tuple[str, bytes | Path]:
    """SHA-256 of a file and the file itself, read when it is small."""
    if path.stat().st_size <= INLINE_BYTES:
        data = path.read_bytes()
        return hashlib.sha256(data).hexdigest(), data
    return checksum(path), path


def hash_text(data: str) -> tuple[str, bytes]:
    """SHA-256 and bytes of a text."""
    encoded = data.encode("utf-8", "surrogateescape")
    return hashlib.sha256(encoded).hexdigest(), encoded
