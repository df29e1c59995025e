"""The link from CRI's log path to Docker's file (cri-dockerd: core/container_log.go)."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

log = logging.getLogger(__name__)


def create_log_link(path: str, target: str) -> None:
    """Link CRI's path to Docker's file. Does nothing without a path. OSError.

    target: "" for a logging driver without a file.
    """
    if not path:
        return
    if not target:
        log.warning("Docker has no log file for %s: its logging driver must be json-file", path)
        return
    link = Path(path)
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(target)


def remove_log_link(path: str) -> None:
    """Remove the link. Does nothing if there is none, or a file."""
    if path and Path(path).is_symlink():
        Path(path).unlink(missing_ok=True)
