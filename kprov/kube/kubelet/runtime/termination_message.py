"""The termination message of a container that has exited (getTerminationMessage)."""

from pathlib import Path
from typing import Final

from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri.pod_state import ContainerState
from kprov.kube.kubelet.logs import log_file

_MAX_BYTES: Final = 4096
_MAX_LOG_BYTES: Final = 2048
_MAX_LOG_LINES: Final = 80


def read_termination_message(container: ContainerState) -> str:
    """The end of the container's termination log, or of its log if the policy says so. "" without either."""
    path = container.annotations.get(pod_state.TERMINATION_PATH)
    host_path = container.mounts.get(path or "")
    text = _read_end(host_path) if host_path else ""
    policy = container.annotations.get(pod_state.TERMINATION_POLICY)
    if not text and policy == "FallbackToLogsOnError" and container.exit_code != 0:
        text = log_file.read_tail(container.log_path, lines=_MAX_LOG_LINES, limit=_MAX_LOG_BYTES)
    return text


def _read_end(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, Path(path).stat().st_size - _MAX_BYTES))
            return file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
