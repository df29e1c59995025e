"""Removes unused images when their disk is full or when they are old (images/image_gc_manager.go)."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.images.filesystem import ImageFilesystem

log = logging.getLogger(__name__)

_PERIOD: Final = 300.0
_NEVER: Final = 100


class ImageGarbageCollector:
    def __init__(self, cri: CriClient, config: KubeletConfiguration, events: EventSender) -> None:
        self._cri = cri
        self._config = config
        self._events = events
        self._filesystem = ImageFilesystem(cri)
        # image id > (first seen, last used), monotonic seconds
        self._records: dict[str, tuple[float, float]] = {}
        self.on_images: Callable[[Sequence[pb.Image]], None] = lambda _: None

    async def run(self) -> None:
        """Collect every five minutes until cancelled. Does nothing where the configuration turns it off."""
        if self._config.image_gc_high == _NEVER and not self._config.image_maximum_age:
            return
        has_failed = False
        while True:
            has_failed = await self._collect_or_tell(has_failed=has_failed)
            await asyncio.sleep(_PERIOD)

    async def _collect_or_tell(self, *, has_failed: bool) -> bool:
        """Collect; the second failure in a row is an event, too. Returns whether it failed."""
        try:
            await self.collect()
        except RuntimeFailure as failure:
            log.warning("image garbage collection: %s", failure)
            if has_failed:
                self._events.send_node_event("Warning", "ImageGCFailed", str(failure))
            return True
        return False

    async def collect(self) -> None:
        """Remove images that are too old, then those that the disk needs. Raises RuntimeFailure."""
        now = time.monotonic()
        idle = await self._list_idle_images(now)
        if self._config.image_maximum_age:
            for image in list(idle):
                if now - self._records[image.id][1] > self._config.image_maximum_age:
                    await self._remove(image)
                    idle.remove(image)
        disk = await self._filesystem.read()
        if not disk.capacity:
            text = "invalid capacity 0 on image filesystem"
            self._events.send_node_event("Warning", "InvalidDiskCapacity", text)
            raise RuntimeFailure("UNKNOWN", text)
        if 100 - disk.available * 100 // disk.capacity >= self._config.image_gc_high:
            wanted = disk.capacity * (100 - self._config.image_gc_low) // 100
            await self._free_space(wanted - disk.available, idle, now)

    async def _list_idle_images(self, now: float) -> list[pb.Image]:
        """Images that no container uses, the one that is unused for the longest time first."""
        images, containers = await self._cri.list_images(), await self._cri.list_containers()
        used = {item.image_ref for item in containers} | {item.image_id for item in containers}
        used |= await self._list_mounted_images(containers)
        self.on_images(images)
        existing = {image.id for image in images}
        self._records = {key: value for key, value in self._records.items() if key in existing}
        for image in images:
            first, last = self._records.get(image.id, (now, now))
            in_use = image.pinned or image.id in used or bool(used & set(image.repo_digests))
            self._records[image.id] = (first, now if in_use else last)
        idle = [image for image in images if self._records[image.id][1] < now and not image.pinned]
        return sorted(idle, key=lambda image: self._records[image.id][1])

    async def _list_mounted_images(self, containers: Sequence[pb.Container]) -> set[str]:
        """Return the images that containers have as volumes. Only the status of a container names them."""
        mounted: set[str] = set()
        for container in containers:
            try:
                status = await self._cri.container_status(container.id)
            except RuntimeFailure as failure:
                if failure.code != "NOT_FOUND":
                    raise
            else:
                mounted |= {mount.image.image for mount in status.mounts if mount.HasField("image")}
        return mounted

    async def _free_space(self, needed: int, idle: list[pb.Image], now: float) -> None:
        log.info("the disk of images is too full, freeing %d bytes", needed)
        freed = 0
        for image in idle:
            if freed >= needed:
                return
            if now - self._records[image.id][0] < self._config.image_minimum_age:
                continue
            await self._remove(image)
            freed += image.size
        if freed < needed:
            text = (
                "Failed to garbage collect required amount of images."
                f" Attempted to free {needed} bytes, but only found {freed} bytes eligible to free."
            )
            self._events.send_node_event("Warning", "FreeDiskSpaceFailed", text)

    async def _remove(self, image: pb.Image) -> None:
        log.info("removing unused image %s %s", image.id, list(image.repo_tags))
        await self._cri.remove_image(image.id)
