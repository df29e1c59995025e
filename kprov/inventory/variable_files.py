"""Finds the files of group_vars and host_vars as Ansible does, and the places of variables."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import yaml_file

SUFFIXES = ("", ".yml", ".yaml", ".json")


def find_files(folder: Path, name: str) -> list[Path]:
    """Return the first of NAME, NAME.yml, NAME.yaml, NAME.json, or all files of a folder of that name."""
    # The name of a group or host may be what a host answered (group_by, add_host).
    if "/" in name or "\0" in name or name in (".", ".."):
        return []
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        try:
            if path.is_dir():
                return _list_folder(path)
            if path.exists() or path.is_symlink():
                return [path]
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in (None, errno.ENAMETOOLONG):
                # No file can have this name of a host or group.
                return []
            raise InputError(f"cannot be read: {getattr(error, 'strerror', error)}", file=path) from None
    return []


def _list_folder(folder: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """Return sorted files with a known suffix or none; search folders without a suffix, too."""
    place = folder.resolve()
    if place in above:
        raise InputError(f"is a link to {place}, in which it stands", file=folder)
    files: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            files += _list_folder(path, (*above, place))
        elif not path.is_dir() and path.suffix in SUFFIXES:
            files.append(path)
    return files


def variable_place(variables: Mapping[str, Any], name: str) -> tuple[str | None, int | None]:
    """Return file and line of a variable of a mapping that was read from a file."""
    if isinstance(variables, yaml_file.Mapping):
        return variables.file or None, variables.lines.get(name)
    return None, None
