"""The folders of container logs: LOGS/NAMESPACE_POD_UID/CONTAINER/N.log.

A pod that has LOGS as a volume may exchange what is in it. So below LOGS no link is followed.
"""

import errno
import os
from pathlib import Path

from kprov.kube.component_helpers.directory import Directory


def make_folder(path: str | Path, logs_folder: str) -> None:
    """Create a folder below that of all logs. Raises OSError."""
    Path(logs_folder).mkdir(parents=True, exist_ok=True, mode=0o755)
    with Directory.open(logs_folder) as logs:
        logs.make_directory(str(Path(path).relative_to(logs_folder)), 0o755).close()


def open_parent(path: str) -> tuple[Directory, str]:
    """Return the folder of a log, and the log's name in it. The caller closes the folder. Raises OSError.

    `path` is the runtime's. LOGS may be another than today's: the pod ran before a change of podLogsDir.
    """
    parts = Path(path).parts
    if len(parts) < 4:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    with Directory.open(Path(*parts[:-3])) as logs:
        return logs.open_directory("/".join(parts[-3:-1])), parts[-1]


def open_links() -> Directory:
    """Return the folder with a link to each log, which log collectors read. The caller closes it."""
    with Directory.open("/var/log") as folder:
        return folder.make_directory("containers", 0o755)


def open_log(path: str) -> int:
    """Return a descriptor of the log. Raises OSError."""
    folder, name = open_parent(path)
    with folder:
        return folder.open_file(name)
