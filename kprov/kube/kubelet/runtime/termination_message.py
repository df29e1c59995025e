"""Termination messages of containers: their files, and what they say (getTerminationMessage)."""

import os
import secrets
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_helpers.directory import Directory
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.pod_state import ContainerState
from kprov.kube.kubelet.logs import log_file
from kprov.kube.kubelet.volumes.manager import open_pod_folder

_MAX_BYTES: Final = 4096
_MAX_LOG_BYTES: Final = 2048
_MAX_LOG_LINES: Final = 80
_FOLDER: Final = "containers"


def make_termination_log(pod: Pod, container: Container, root: Path) -> pb.Mount | None:
    """Return the mount of a new file for the container's termination message."""
    path = container.termination_message_path
    if not path:
        return None
    name = f"{_FOLDER}/{container.name}/{secrets.token_hex(4)}"
    with open_pod_folder(root, pod.uid) as pod_folder:
        above, _, last = name.rpartition("/")
        with pod_folder.make_directory(above, 0o750) as folder:
            folder.create_file(last, b"", 0o666)
    return pb.Mount(container_path=path, host_path=str(root / "pods" / pod.uid / name))


def read_termination_message(uid: PodUID, container: ContainerState, root: Path) -> str:
    """Return the end of the container's termination log, or of its log if the policy says so.

    "" without either.
    """
    path = container.annotations.get(pod_state.TERMINATION_PATH)
    host_path = container.mounts.get(path or "")
    text = _read_end(root / "pods" / uid, host_path) if host_path else ""
    policy = container.annotations.get(pod_state.TERMINATION_POLICY)
    if not text and policy == "FallbackToLogsOnError" and container.exit_code != 0:
        text = log_file.read_tail(container.log_path, lines=_MAX_LOG_LINES, limit=_MAX_LOG_BYTES)
    return text


def _read_end(pod_folder: Path, path: str) -> str:
    """Return the end of a file that `make_termination_log` made.

    A volume may be mounted at the same path in the container. Its files may be links, or the host's.
    """
    try:
        name = Path(path).relative_to(pod_folder / _FOLDER)
        with Directory.open(pod_folder) as folder, open(folder.open_file(f"{_FOLDER}/{name}"), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_BYTES))
            return file.read(_MAX_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return ""
