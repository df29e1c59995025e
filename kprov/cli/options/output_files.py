"""Checks output files before a command starts."""

from __future__ import annotations

import os
from pathlib import Path

from kprov.errors import InputError


def check_writable(path: Path, *, field: str) -> None:
    """Raise InputError unless the file can be written. Do not change it."""
    folder = path.parent
    if path.is_dir():
        raise InputError("is a folder; name a file", file=path, field=field)
    # As root the rename would succeed: `--out /dev/null` would make a file of the device.
    if path.exists() and not path.is_file():
        raise InputError("is not a regular file, and writing would replace it", file=path, field=field)
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist", field=field)
    # The file is written under another name and renamed, so only the folder must be writable.
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder {folder} cannot be written", field=field)
