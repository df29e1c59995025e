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
from kprov.kube.kubelet.node import info

log = logging.getLogger(__name__)

_PERIOD: Final = 300.0


class ImageGarbageCollector:
    def __init__(self, cri: CriClient, config: KubeletConfiguration, events: EventSender) -> None:
        self._cri = cri
        self._config = config
        self._events = events
        # image id > (first seen, last used), monotonic seconds
        self._records: dict[str, tuple[float, float]] = {}
        self.on_images: Callable[[Sequence[pb.Image]], None] = lambda _: None

    async def run(self) -> None:
        """Collect every five minutes until cancelled."""
        while True:
            try:
                await self.collect()
            except RuntimeFailure as failure:
                log.warning("image garbage collection: %s", failure)
            await asyncio.sleep(_PERIOD)

    async def collect(self) -> None:
        """Remove images that are too old, then those that the disk needs. Raises RuntimeFailure."""
        now = time.monotonic()
        idle = await self._list_idle_images(now)
        if self._config.image_maximum_age:
            for image in list(idle):
                if now - self._records[image.id][1] > self._config.image_maximum_age:
                    await self._remove(image)
                    idle.remove(image)
        size, free, _, _ = info.read_disk("/var/lib/containerd")
        if size and 100 - free * 100 // size >= self._config.image_gc_high:
            await self._free_space(size * (100 - self._config.image_gc_low) // 100 - free, idle, now)

    async def _list_idle_images(self, now: float) -> list[pb.Image]:
        """Images that no container uses, the one that is unused for the longest time first."""
        images, containers = await self._cri.list_images(), await self._cri.list_containers()
        used = {item.image_ref for item in containers} | {item.image_id for item in containers}
        self.on_images(images)
        existing = {image.id for image in images}
        self._records = {key: value for key, value in self._records.items() if key in existing}
        for image in images:
            first, last = self._records.get(image.id, (now, now))
            in_use = image.pinned or image.id in used or bool(used & set(image.repo_digests))
            self._records[image.id] = (first, now if in_use else last)
        idle = [image for image in images if self._records[image.id][1] < now and not image.pinned]
        return sorted(idle, key=lambda image: self._records[image.id][1])

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
