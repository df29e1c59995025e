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

#: The first releases that mount images, and a subPath of them: others fail, or mount the whole image
#: instead of the subPath. CRI has no other way to tell. A runtime that is not listed is tried.
_FIRST_RELEASES: Final = {"containerd": ((2, 1), (2, 2)), "cri-o": ((1, 31), (1, 33)), "docker": None}


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
        with_sub_path = {
            mount.name for mount in container.volume_mounts if mount.sub_path or mount.sub_path_expr
        }
        specs = {}
        for volume in pod.spec.volumes:
            source, name = volume.get("image"), volume["name"]
            if source is None or name not in mounted:
                continue
            runtime, version = self._cri.runtime_name, self._cri.runtime_version
            if problem := find_problem(runtime, version, has_sub_path=name in with_sub_path):
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


def find_problem(runtime: str, version: str, *, has_sub_path: bool) -> str | None:
    """Say why the runtime, such as containerd 1.7.24, cannot mount an image. None if it can."""
    releases = _FIRST_RELEASES.get(runtime, ((), ()))
    if releases is None:
        return f"the container runtime {runtime} cannot mount images"
    first = releases[has_sub_path]
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers >= first:
        return None
    what = "its subPath" if has_sub_path else "it"
    needed = ".".join(map(str, first))
    return f"{what} needs {runtime} {needed} or later, and this node has {version}"
