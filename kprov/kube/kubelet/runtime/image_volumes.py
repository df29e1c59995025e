"""Volumes that are images: pulled by the kubelet, mounted by the runtime (getImageVolumes)."""

import functools
import re
from collections.abc import Sequence
from typing import Final

from kprov.kube.api.core import Container, Pod
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.images.manager import ImageManager, ImageRequest
from kprov.kube.machinery.json_object import JsonObject

#: The first release that mounts images. CRI has no other way to tell; a runtime that is not listed is tried.
_FIRST_RELEASES: Final = {"containerd": (2, 1), "cri-o": (1, 31), "docker": None}


class ImageVolumes:
    def __init__(self, cri: CriClient, images: ImageManager, events: EventSender) -> None:
        self._cri = cri
        self._images = images
        self._events = events

    async def pull(
        self, pod: Pod, container: Container, sandbox: pb.PodSandboxConfig, secrets: Sequence[JsonObject]
    ) -> dict[str, pb.ImageSpec]:
        """Return the images that the container mounts, by volume. Raises ImageError, ContainerConfigError."""
        mounted = {mount.name for mount in container.volume_mounts}
        specs = {}
        for volume in pod.spec.volumes:
            source, name = volume.get("image"), volume["name"]
            if source is None or name not in mounted:
                continue
            if problem := find_problem(self._cri.runtime_name, self._cri.runtime_version):
                raise ContainerConfigError(f'volume "{name}" is an image: {problem}')
            request = ImageRequest(
                source.get("reference", ""),
                source.get("pullPolicy", ""),
                functools.partial(self._events.send_pod_event, pod),
            )
            image = await self._images.ensure_image_exists(pod, request, sandbox, secrets)
            specs[name] = pb.ImageSpec(
                image=image.id, user_specified_image=request.reference, annotations=pod.metadata.annotations
            )
        return specs


def find_problem(runtime: str, version: str) -> str | None:
    """Say why the runtime cannot mount images, such as containerd 1.7.24. None if it can."""
    first = _FIRST_RELEASES.get(runtime, ())
    if first is None:
        return f"the container runtime {runtime} cannot mount images"
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers >= first:
        return None
    needed = ".".join(map(str, first))
    return f"it needs {runtime} {needed} or later, and this node has {version}"
