"""Pressure on memory, disk and process ids, measured against evictionHard."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.node import info


@dataclass
class Pressure:
    """What the node's conditions say; a pressure stays for the transition period after it ended."""

    memory: bool = False
    disk: bool = False
    pids: bool = False
    _last: dict[str, float] = field(default_factory=dict)

    def measure(self, config: KubeletConfig) -> None:
        """Look at /proc and the file systems now."""
        crossed = {
            "memory": _memory_is_short(config),
            "disk": _disk_is_short(config),
            "pids": _pids_are_short(config),
        }
        now = time.monotonic()
        for name, short in crossed.items():
            if short:
                self._last[name] = now
            seen = self._last.get(name)
            setattr(
                self, name, seen is not None and (short or now - seen < config.eviction_pressure_transition)
            )


def _memory_is_short(config: KubeletConfig) -> bool:
    text = config.eviction_hard.get("memory.available")
    total, available = info.memory()
    return text is not None and available < info.threshold(text, total)


def _disk_is_short(config: KubeletConfig) -> bool:
    paths = {"nodefs": config.root_dir, "imagefs": "/var/lib/containerd"}
    for name, path in paths.items():
        size, free, inodes, free_inodes = info.disk(path)
        for signal, whole, left in (("available", size, free), ("inodesFree", inodes, free_inodes)):
            text = config.eviction_hard.get(f"{name}.{signal}")
            # File systems without a fixed number of inodes say 0.
            if text is not None and whole and left < info.threshold(text, whole):
                return True
    return False


def _pids_are_short(config: KubeletConfig) -> bool:
    text = config.eviction_hard.get("pid.available")
    if text is None:
        return False
    try:
        most = int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii"))
        running = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return False
    return most - running < info.threshold(text, most)
