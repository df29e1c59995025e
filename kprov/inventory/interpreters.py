"""Explains why a program of the operator could not be started."""

from __future__ import annotations

import errno
from pathlib import Path


def explain_start_failure(path: Path, error: OSError) -> str:
    """Return the reason, and the interpreter if it is missing: the kernel names only the script."""
    if error.errno in (errno.ENOENT, errno.ENOEXEC) and path.is_file():
        with path.open("rb") as file:
            first = file.readline(256)
        if first.startswith(b"#!"):
            words = first[2:].split()
            program = words[0].decode("utf-8", "replace") if words else ""
            if first.rstrip(b"\n").endswith(b"\r"):
                return f"its first line ends in a carriage return, so that it names no interpreter: {program}"
            return f"its first line names an interpreter that does not exist: {program or 'nothing'}"
    return error.strerror or str(error)
