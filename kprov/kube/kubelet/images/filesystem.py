"""The file system on which the runtime keeps its images (stats/cri_stats_provider.go, ImageFsStats)."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.node import info

_UNKNOWN: Final = "imageFs information is unavailable"


@dataclass(frozen=True, slots=True)
class FilesystemStats:
    """Bytes and inodes of a file system. `used` and `inodes_used`: of the images alone."""

    time: int
    capacity: int
    available: int
    inodes: int
    inodes_free: int
    used: int
    inodes_used: int


class ImageFilesystem:
    """Asks the runtime where its images are, since a runtime may keep them on a disk of their own."""

    def __init__(self, cri: CriClient) -> None:
        self._cri = cri
        self._mountpoint: str | None = None

    async def read(self) -> FilesystemStats:
        """Return the present state. Raises RuntimeFailure, also if the runtime names no file system."""
        usage = await self._ask()
        disk = await asyncio.to_thread(info.read_disk, usage.fs_id.mountpoint)
        capacity, available, inodes, inodes_free = disk
        return FilesystemStats(
            usage.timestamp,
            capacity,
            available,
            inodes,
            inodes_free,
            usage.used_bytes.value,
            usage.inodes_used.value,
        )

    async def find_mountpoint(self) -> str | None:
        """Return a path on the file system: the last one known while the runtime does not answer."""
        with contextlib.suppress(RuntimeFailure):
            self._mountpoint = (await self._ask()).fs_id.mountpoint
        return self._mountpoint

    async def _ask(self) -> pb.FilesystemUsage:
        answer = await self._cri.image_fs_info()
        if not answer.image_filesystems or not answer.image_filesystems[0].fs_id.mountpoint:
            raise RuntimeFailure("UNKNOWN", _UNKNOWN)
        return answer.image_filesystems[0]
