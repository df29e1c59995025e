"""The file of a module that is written for Ansible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AnsibleModule:
    """A module's file; `folders` are those whose module_utils/ it may import.

    `action` is the file of its action plugin, which runs on the operator's machine; None without one.
    """

    name: str
    path: Path
    folders: tuple[Path, ...]
    collections: tuple[Path, ...]
    action: Path | None = None
