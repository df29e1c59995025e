"""Pressure on memory, disk and process ids by the thresholds of evictionHard. Nothing is evicted."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.node import info


@dataclass
class NodePressure:
    """The node's conditions. A pressure stays for evictionPressureTransitionPeriod after its end."""

    memory: bool = False
    disk: bool = False
    pids: bool = False
    _last_seen: dict[str, float] = field(default_factory=dict)

    @property
    def conditions(self) -> tuple[bool, bool, bool]:
        return self.memory, self.disk, self.pids

    def measure(self, config: KubeletConfiguration, image_path: str | None) -> None:
        """Read /proc and the file systems. `image_path`: on that of the images, None while it is unknown."""
        is_short = {
            "memory": _is_memory_short(config),
            "disk": _is_disk_short(config, image_path),
            "pids": _are_pids_short(config),
        }
        now = time.monotonic()
        for name, short in is_short.items():
            if short:
                self._last_seen[name] = now
            seen = self._last_seen.get(name)
            setattr(
                self, name, seen is not None and (short or now - seen < config.eviction_pressure_transition)
            )


def _is_memory_short(config: KubeletConfiguration) -> bool:
    text = config.eviction_hard.get("memory.available")
    total, available = info.read_memory()
    return text is not None and available < info.parse_threshold(text, total)


def _is_disk_short(config: KubeletConfiguration, image_path: str | None) -> bool:
    paths = {"nodefs": config.root_dir, "imagefs": image_path}
    for name, path in paths.items():
        if path is None:
            continue
        size, free, inodes, free_inodes = info.read_disk(path)
        for signal, whole, left in (("available", size, free), ("inodesFree", inodes, free_inodes)):
            text = config.eviction_hard.get(f"{name}.{signal}")
            # A file system without a fixed number of inodes reports 0.
            if text is not None and whole and left < info.parse_threshold(text, whole):
                return True
    return False


def _are_pids_short(config: KubeletConfiguration) -> bool:
    text = config.eviction_hard.get("pid.available")
    if text is None:
        return False
    try:
        most = int(Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii"))
        running = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return False
    return most - running < info.parse_threshold(text, most)
