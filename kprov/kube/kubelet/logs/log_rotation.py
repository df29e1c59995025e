"""Rotates the logs of running containers: LOG, LOG.STAMP.gz, LOG.STAMP (pkg/kubelet/logs)."""

import gzip
import shutil
import time
from pathlib import Path

from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.machinery.quantity import Quantity


def needs_rotation(path: str, config: KubeletConfiguration) -> bool:
    """Whether the log has grown beyond containerLogMaxSize."""
    try:
        return Path(path).stat().st_size > Quantity.parse(config.container_log_max_size).value
    except OSError:
        return False


def rotate(path: str, config: KubeletConfiguration) -> None:
    """Rename the log, so that the runtime can open a new one. Keep containerLogMaxFiles files in all.

    The newest of the rotated files is not compressed: readers may not have reached its end.
    """
    log = Path(path)
    for older in _list_rotated(log):
        if older.suffix != ".gz":
            with open(older, "rb") as source, gzip.open(f"{older}.gz", "wb") as target:
                shutil.copyfileobj(source, target)
            older.unlink()
    log.rename(f"{path}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    rotated = _list_rotated(log)
    for oldest in rotated[: max(0, len(rotated) - (config.container_log_max_files - 1))]:
        oldest.unlink(missing_ok=True)


def _list_rotated(log: Path) -> list[Path]:
    """Oldest first."""
    return sorted(log.parent.glob(f"{log.name}.*"))
