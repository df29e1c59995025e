"""Writes the traceback of an unexpected exception to a file, without secrets."""

from __future__ import annotations

import os
import time
import traceback
from pathlib import Path

from kprov.inventory import secrets


def write_report(error: BaseException) -> Path:
    """Write the traceback to a private file and return its path."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(state) / "kprov"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    text = "".join(traceback.format_exception(error))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.scrub(text))
    return path
