"""Search files of the operator's machine for lookups, and parse options of lookups."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import FilterError


def search_folders(scope: Scope) -> list[Path]:
    """Return Ansible's search path: folders of the roles, of the task's file, of the playbook."""
    folders = scope.get("ansible_search_path")
    if isinstance(folders, list):
        return [Path(folder) for folder in folders]
    names = [scope.get(name) for name in ("role_path", "playbook_dir")]
    return [Path(str(name)) for name in names if isinstance(name, str)]


def playbook_folder(scope: Scope) -> Path:
    """Return the folder of the playbook, where commands run and relative paths start."""
    folder = scope.get("playbook_dir")
    return Path(folder) if isinstance(folder, str) else Path.cwd()


def find_file(scope: Scope, kind: str, name: Any) -> Path | None:
    """Find a file in each search folder and its `kind` folder ("files" ...); None if it does not exist."""
    path = Path(str(name)).expanduser()
    if path.is_absolute():
        return path if path.exists() else None
    for folder in [*search_folders(scope), playbook_folder(scope)]:
        for candidate in (folder / kind / path, folder / path) if kind else (folder / path,):
            if candidate.exists():
                return candidate
    return None


def require_file(scope: Scope, kind: str, name: Any) -> Path:
    """Like find_file, but raise FilterError with the searched folders."""
    path = find_file(scope, kind, name)
    if path is None:
        where = ", ".join(
            f"{folder}/{kind}" for folder in dict.fromkeys([*search_folders(scope), playbook_folder(scope)])
        )
        raise FilterError(f"Unable to access the file {str(name)!r}: not in {where}, nor beside")
    return path


def check_options(keywords: dict[str, Any], defaults: dict[str, Any], lookup: str) -> dict[str, Any]:
    """Return the options of a lookup with defaults. Raises FilterError for an unknown one."""
    for name in keywords:
        if name not in defaults:
            raise FilterError(
                f"{name!r} is not an option of {lookup}; its options are {', '.join(defaults) or 'none'}"
            )
    return {**defaults, **keywords}


def parse_key_values(text: str) -> tuple[str, dict[str, str]]:
    """Parse `words name=value name="two words"` to the words and the values."""
    words, options = [], {}
    for part in shlex.split(text, posix=True):
        name, equal, value = part.partition("=")
        if equal and name.isidentifier():
            options[name] = value
        else:
            words.append(part)
    return " ".join(words), options
