"""Removes images nobody uses when their disk gets full, or when they have been unused for long."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.node import info

log = logging.getLogger(__name__)

_PERIOD: Final = 300.0


class ImageGc:
    def __init__(self, cri: CriClient, config: KubeletConfig, events: PodEvents) -> None:
        self._cri = cri
        self._config = config
        self._events = events
        # image id > (first seen, last used), monotonic seconds
        self._seen: dict[str, tuple[float, float]] = {}
        self.on_images: Callable[[Sequence[pb.Image]], None] = lambda _: None

    async def run(self) -> None:
        """Every five minutes, until cancelled."""
        while True:
            try:
                await self.collect()
            except RuntimeFailure as failure:
                log.warning("image garbage collection: %s", failure)
            await asyncio.sleep(_PERIOD)

    async def collect(self) -> None:
        now = time.monotonic()
        images, containers = await self._cri.list_images(), await self._cri.list_containers()
        used = {item.image_ref for item in containers} | {item.image_id for item in containers}
        self.on_images(images)
        known = {image.id for image in images}
        self._seen = {key: value for key, value in self._seen.items() if key in known}
        for image in images:
            first, last = self._seen.get(image.id, (now, now))
            in_use = image.pinned or image.id in used or bool(used & set(image.repo_digests))
            self._seen[image.id] = (first, now if in_use else last)
        idle = [image for image in images if self._seen[image.id][1] < now and not image.pinned]
        idle.sort(key=lambda image: self._seen[image.id][1])
        if self._config.image_maximum_age:
            for image in list(idle):
                if now - self._seen[image.id][1] > self._config.image_maximum_age:
                    await self._remove(image)
                    idle.remove(image)
        size, free, _, _ = info.disk("/var/lib/containerd")
        if not size or 100 - free * 100 // size < self._config.image_gc_high:
            return
        wanted = size * (100 - self._config.image_gc_low) // 100 - free
        log.info("disk of images is too full, freeing %d bytes", wanted)
        freed = 0
        for image in idle:
            if freed >= wanted:
                return
            if now - self._seen[image.id][0] < self._config.image_minimum_age:
                continue
            await self._remove(image)
            freed += image.size
        if freed < wanted:
            text = (
                "Failed to garbage collect required amount of images."
                f" Attempted to free {wanted} bytes, but only found {freed} bytes eligible to free."
            )
            self._events.node("Warning", "FreeDiskSpaceFailed", text)

    async def _remove(self, image: pb.Image) -> None:
        log.info("removing unused image %s %s", image.id, list(image.repo_tags))
        await self._cri.remove_image(image.id)
