"""The input of an action (Call), and its output: a result, or calls of agent modules (ModuleCall)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kprov.errors import KprovError, PreflightError, UnreachableError
from kprov.inventory import operator_files
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
    #: The host and user of the task; `address` is the key of `target` in Connections.
    target: str = ""
    address: str = ""
    become: Become | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    #: Seconds of `async`, and seconds between polls.
    background: tuple[int, int] = (0, 0)
    #: Seconds after which the host ends the task; 0 for no limit.
    timeout: int = 0
    #: Whether `no_log` hides the task.
    hidden: bool = False
    sender: ModuleSender | None = None
    #: Options, callbacks and inventory of the run, for actions without a host (pause, add_host).
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
        """Run a module of the agent on the task's host as the task's user, and return the result."""
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
        """Return an item of a message to the agent."""
        item = {"args": args, "environment": self.environment}
        return {**item, "timeout": self.timeout} if self.timeout else item

    def reconnect(self, timeout: float, *, pause: float = 1.0) -> None:
        """Close and reopen the connection, with retries for `timeout` seconds. Raises UnreachableError."""
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
        """Return Ansible's search folders for files of a kind ("files", "templates", "vars") in order."""
        cached = self.task.search_cache
        key = (kind, self.playbook_dir)
        if key not in cached:
            cached[key] = self._find_search_folders(kind)
        return cached[key]

    def _find_search_folders(self, kind: str) -> tuple[Path, ...]:
        folders: list[Path] = []
        for place in self.task.folders:
            if self.task.role and place.parent.name == "tasks":
                # The file of the task is in a subfolder of the role's tasks/.
                folders += [place.parent.parent / kind, place.parent]
            folders += [place / kind, place]
        base = self.playbook_dir.absolute()
        return (*folders, base / kind, base)

    def find_file(self, name: str, kind: str) -> Path:
        """Find a file on the operator's machine. Raises ActionError with the searched folders."""
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
    """A call of an agent module; `contents` are files by SHA-256, as bytes or as a path of this machine."""

    module: str
    args: dict[str, Any]
    contents: dict[str, bytes | Path] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)


def hash_file(path: Path) -> tuple[str, bytes | Path]:
    """Return the SHA-256 of a file, and its content if it is small, otherwise its path."""
    operator_files.check_file(path)
    if path.stat().st_size <= INLINE_BYTES:
        data = path.read_bytes()
        return hashlib.sha256(data).hexdigest(), data
    return checksum(path), path


def hash_text(data: str) -> tuple[str, bytes]:
    """Return the SHA-256 and the bytes of a text."""
    encoded = data.encode("utf-8", "surrogateescape")
    return hashlib.sha256(encoded).hexdigest(), encoded
