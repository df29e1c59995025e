"""Rotates the logs of running containers: LOG, LOG.STAMP.gz, LOG.STAMP (pkg/kubelet/logs)."""

import gzip
import os
import shutil
import time

from kprov.kube.component_helpers.directory import Directory
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.logs import log_paths
from kprov.kube.machinery.quantity import Quantity


def needs_rotation(path: str, config: KubeletConfiguration) -> bool:
    """Whether the log has grown beyond containerLogMaxSize."""
    try:
        descriptor = log_paths.open_log(path)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_size > Quantity.parse(config.container_log_max_size).value
    finally:
        os.close(descriptor)


def rotate(path: str, config: KubeletConfiguration) -> None:
    """Rename the log, so that the runtime can open a new one. Keep containerLogMaxFiles files in all.

    The newest of the rotated files is not compressed: readers may not have reached its end.
    """
    folder, name = log_paths.open_parent(path)
    with folder:
        for older in _list_rotated(folder, name):
            if not older.endswith(".gz"):
                _compress(folder, older)
        folder.rename(name, f"{name}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
        rotated = _list_rotated(folder, name)
        for oldest in rotated[: max(0, len(rotated) - (config.container_log_max_files - 1))]:
            folder.unlink(oldest)


def _compress(folder: Directory, name: str) -> None:
    target = f"{name}.gz"
    folder.unlink(target)
    folder.create_file(target, b"", 0o640)
    with (
        open(folder.open_file(name), "rb") as source,
        open(folder.open_file(target, os.O_WRONLY), "wb") as file,
        gzip.open(file, "wb") as compressed,
    ):
        shutil.copyfileobj(source, compressed)
    folder.unlink(name)


def _list_rotated(folder: Directory, name: str) -> list[str]:
    """Oldest first."""
    return sorted(entry for entry in folder.list_names() if entry.startswith(f"{name}."))
