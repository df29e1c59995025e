"""Keeps the logs of running containers small (pkg/kubelet/logs): LOG, LOG.STAMP.gz, LOG.STAMP."""

import gzip
import shutil
import time
from pathlib import Path

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.machinery.quantity import Quantity


def is_due(path: str, config: KubeletConfig) -> bool:
    """Whether the log has grown beyond containerLogMaxSize."""
    try:
        return Path(path).stat().st_size > Quantity.parse(config.container_log_max_size).value
    except OSError:
        return False


def put_away(path: str, config: KubeletConfig) -> None:
    """Rename the log, so that the runtime can open a new one; keep containerLogMaxFiles in all.

    The one put away last stays as it is: readers may not have come to its end.
    """
    log = Path(path)
    for older in _rotated(log):
        if older.suffix != ".gz":
            with open(older, "rb") as source, gzip.open(f"{older}.gz", "wb") as target:
                shutil.copyfileobj(source, target)
            older.unlink()
    log.rename(f"{path}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    rotated = _rotated(log)
    for oldest in rotated[: max(0, len(rotated) - (config.container_log_max_files - 1))]:
        oldest.unlink(missing_ok=True)


def _rotated(log: Path) -> list[Path]:
    """Oldest first."""
    return sorted(log.parent.glob(f"{log.name}.*"))
