"""Makes sure that the image of a container exists on the node (pkg/kubelet/images)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.component_base import durations
from kprov.kube.component_base.backoff import KeyedBackoff
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.events import Kind
from kprov.kube.kubelet.images.errors import ImageError
from kprov.kube.kubelet.images.image_names import apply_default_tag
from kprov.kube.kubelet.images.pull_secrets import find_credentials
from kprov.kube.machinery.json_object import JsonObject

_FIRST_BACKOFF_SECONDS: Final = 10.0
_MAX_BACKOFF_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image that a container or a volume names, and the sender of its events.

    `policy`: "" for that of the name.
    """

    reference: str
    policy: str
    send_event: Callable[[Kind, str, str], None]


class ImageManager:
    """Pulls at most `parallel` images at a time, any number if it is 0."""

    def __init__(self, cri: CriClient, *, parallel: int) -> None:
        self._cri = cri
        self._backoff = KeyedBackoff(initial=_FIRST_BACKOFF_SECONDS, maximum=_MAX_BACKOFF_SECONDS)
        self._pulls = asyncio.Semaphore(parallel) if parallel else None
        self._errors: dict[str, str] = {}

    async def ensure_image_exists(
        self, pod: Pod, request: ImageRequest, sandbox: pb.PodSandboxConfig, secrets: Sequence[JsonObject]
    ) -> pb.Image:
        """Return the image as the runtime describes it, pulled if the policy says so. Raises ImageError."""
        requested = request.reference
        name = apply_default_tag(requested)
        policy = request.policy or ("Always" if name.endswith(":latest") else "IfNotPresent")
        try:
            image = await self._cri.image_status(name)
        except RuntimeFailure as failure:
            text = f'Failed to inspect image "{name}": {failure}'
            request.send_event("Warning", "InspectFailed", text)
            raise ImageError("ImageInspectError", text) from failure
        if policy == "Never" and image is None:
            text = f'Container image "{requested}" is not present with pull policy of Never'
            request.send_event("Warning", "ErrImageNeverPull", text)
            raise ImageError("ErrImageNeverPull", text)
        if image is not None and policy != "Always":
            text = f'Container image "{requested}" already present on machine and can be accessed by the pod'
            request.send_event("Normal", "Pulled", text)
            return image
        return await self._pull(pod, request, name, sandbox, secrets)

    async def _pull(
        self,
        pod: Pod,
        request: ImageRequest,
        name: str,
        sandbox: pb.PodSandboxConfig,
        secrets: Sequence[JsonObject],
    ) -> pb.Image:
        key = f"{pod.uid}_{name}"
        if self._backoff.get_remaining(key):
            text = f'Back-off pulling image "{name}"'
            request.send_event("Normal", "BackOff", text)
            raise ImageError("ImagePullBackOff", f"{text}: {self._errors.get(key, '')}".rstrip(": "))
        request.send_event("Normal", "Pulling", f'Pulling image "{name}"')
        requested_at = time.monotonic()
        try:
            started_at = await self._pull_in_turn(name, sandbox, secrets)
        except RuntimeFailure as failure:
            text = f'Failed to pull image "{name}": {failure}'
            request.send_event("Warning", "Failed", text)
            self._backoff.record_failure(key)
            self._errors[key] = f"ErrImagePull: {failure}"
            raise ImageError("ErrImagePull", str(failure)) from failure
        image = await self._cri.image_status(name)
        if image is None:
            raise ImageError("ErrImagePull", f'image "{name}" does not exist after it was pulled')
        now = time.monotonic()
        self._backoff.forget(key)
        self._errors.pop(key, None)
        text = (
            f'Successfully pulled image "{name}" in {durations.render(now - started_at)}'
            f" ({durations.render(now - requested_at)} including waiting). Image size: {image.size} bytes."
        )
        request.send_event("Normal", "Pulled", text)
        return image

    async def _pull_in_turn(
        self, name: str, sandbox: pb.PodSandboxConfig, secrets: Sequence[JsonObject]
    ) -> float:
        """Pull when the number of pulls allows. Returns the time when the pull began."""
        if self._pulls is None:
            started_at = time.monotonic()
            await self._pull_with_credentials(name, sandbox, secrets)
            return started_at
        async with self._pulls:
            started_at = time.monotonic()
            await self._pull_with_credentials(name, sandbox, secrets)
            return started_at

    async def _pull_with_credentials(
        self, name: str, sandbox: pb.PodSandboxConfig, secrets: Sequence[JsonObject]
    ) -> None:
        """Try each of the credentials. Raises the RuntimeFailure of the last one."""
        credentials = find_credentials(name, secrets)
        if not credentials:
            await self._cri.pull_image(name, None, sandbox)
            return
        failure: RuntimeFailure | None = None
        for auth in credentials:
            try:
                await self._cri.pull_image(name, auth, sandbox)
            except RuntimeFailure as error:
                failure = error
            else:
                return
        assert failure is not None
        raise failure
