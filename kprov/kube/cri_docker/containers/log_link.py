"""The link from CRI's log path to Docker's file (cri-dockerd: core/logs.go).

A path is LOGS/POD/CONTAINER/N.log, where a pod that has LOGS as a volume may exchange what is in it. So below
LOGS no link is followed, as in the kubelet.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kprov.kube.component_helpers.directory import Directory

log = logging.getLogger(__name__)

_FOLDER_MODE: Final = 0o755
#: The folders of the pod and of the container, and the file.
_PARTS: Final = 3


def create_log_link(path: str, target: str) -> None:
    """Link CRI's path to Docker's file. Does nothing without a path. OSError.

    target: "" for a logging driver without a file.
    """
    if not path:
        return
    if not target:
        log.warning("Docker has no log file for %s: its logging driver must be json-file", path)
        return
    logs, folder, name = _split(path)
    logs.mkdir(parents=True, exist_ok=True)
    with Directory.open(logs) as root, root.make_directory(folder, _FOLDER_MODE) as parent:
        parent.unlink(name)
        parent.create_link(name, target)


def remove_log_link(path: str) -> None:
    """Remove the link. Does nothing if there is none, or something else than a link. OSError."""
    if not path:
        return
    logs, folder, name = _split(path)
    with _open_existing(logs, folder) as parent:
        if parent is not None and parent.read_link(name) is not None:
            parent.unlink(name)


@contextlib.contextmanager
def _open_existing(logs: Path, folder: str) -> Iterator[Directory | None]:
    """Yield the folder of a log, None if it does not exist."""
    try:
        with Directory.open(logs) as root:
            parent = root.open_directory(folder)
    except FileNotFoundError:
        yield None
        return
    with parent:
        yield parent


def _split(path: str) -> tuple[Path, str, str]:
    """Return LOGS, POD/CONTAINER, N.log. OSError: the path is too short."""
    parts = Path(path).parts
    if len(parts) <= _PARTS + 1:
        raise FileNotFoundError(f"{path} is not the path of a container's log")
    return Path(*parts[:-_PARTS]), "/".join(parts[-_PARTS:-1]), parts[-1]
