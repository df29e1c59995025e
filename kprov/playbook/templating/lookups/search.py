"""Where lookups look for files on the operator's machine."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import FilterError


def search_folders(scope: Scope) -> list[Path]:
    """Ansible's search path: the roles' folders, the task file's, the playbook's."""
    found = scope.get("ansible_search_path")
    if isinstance(found, list):
        return [Path(folder) for folder in found]
    names = [scope.get(name) for name in ("role_path", "playbook_dir")]
    return [Path(str(name)) for name in names if isinstance(name, str)]


def playbook_folder(scope: Scope) -> Path:
    """The folder of the playbook, in which commands are run and relative paths begin."""
    found = scope.get("playbook_dir")
    return Path(found) if isinstance(found, str) else Path.cwd()


def find_file(scope: Scope, kind: str, name: Any) -> Path | None:
    """A file by its name, in the `kind` folder ("files" ...) of each place or beside it; None without one."""
    path = Path(str(name)).expanduser()
    if path.is_absolute():
        return path if path.exists() else None
    for folder in [*search_folders(scope), playbook_folder(scope)]:
        for candidate in (folder / kind / path, folder / path) if kind else (folder / path,):
            if candidate.exists():
                return candidate
    return None


def require_file(scope: Scope, kind: str, name: Any) -> Path:
    """As `find`; FilterError says where was looked."""
    found = find_file(scope, kind, name)
    if found is None:
        where = ", ".join(
            f"{folder}/{kind}" for folder in dict.fromkeys([*search_folders(scope), playbook_folder(scope)])
        )
        raise FilterError(f"Unable to access the file {str(name)!r}: not in {where}, nor beside")
    return found


def check_options(given: dict[str, Any], known: dict[str, Any], lookup: str) -> dict[str, Any]:
    """A lookup's options with their defaults; FilterError for one that is not known."""
    for name in given:
        if name not in known:
            raise FilterError(
                f"{name!r} is not an option of {lookup}; there are {', '.join(known) or 'none'}"
            )
    return {**known, **given}


def parse_key_values(text: str) -> tuple[str, dict[str, str]]:
    """`words name=value name="two words"`: the words, and the values."""
    words, found = [], {}
    for part in shlex.split(text, posix=True):
        name, equal, value = part.partition("=")
        if equal and name.isidentifier():
            found[name] = value
        else:
            words.append(part)
    return " ".join(words), found
