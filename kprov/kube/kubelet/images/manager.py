"""Makes sure that a container's image is there (pkg/kubelet/images)."""

import asyncio
import base64
import logging
import re
import time
from collections.abc import Sequence
from typing import Any, Final

import orjson

from kprov.kube.component_base import durations
from kprov.kube.kubelet.backoff import BackOff
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.pods.pod_queries import Container, Pod, uid_of

log = logging.getLogger(__name__)

DEFAULT_REGISTRY: Final = "docker.io"


class ImageError(Exception):
    """``reason`` is what the container waits for: ErrImagePull, ImagePullBackOff, ErrImageNeverPull ..."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def normalized(image: str) -> str:
    """With a tag, as the runtime wants it; a digest is enough. Raises ImageError InvalidImageName."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.\-/:]*(?:@[\w+.]+:[0-9a-fA-F]+)?", image):
        text = (
            f'Failed to apply default image tag "{image}":'
            f' couldn\'t parse image name "{image}": invalid reference format'
        )
        raise ImageError("InvalidImageName", text)
    if "@" in image or ":" in image.rsplit("/", 1)[-1]:
        return image
    return f"{image}:latest"


class ImageManager:
    """One pull at a time, or as many as the configuration says; the runtime joins equal ones."""

    def __init__(self, cri: CriClient, events: PodEvents, *, parallel: int) -> None:
        self._cri = cri
        self._events = events
        self._backoff = BackOff()
        self._pulls = asyncio.Semaphore(parallel) if parallel else None
        self._errors: dict[str, str] = {}
        self._failed_at: dict[str, float] = {}

    async def ensure(
        self, pod: Pod, container: Container, sandbox: pb.PodSandboxConfig, secrets: Sequence[dict[str, Any]]
    ) -> pb.Image:
        """The image as the runtime knows it. Raises ImageError."""
        requested = container["image"]
        name = normalized(requested)
        policy = container.get("imagePullPolicy") or (
            "Always" if name.endswith(":latest") else "IfNotPresent"
        )
        try:
            image = await self._cri.image_status(name)
        except RuntimeFailure as failure:
            text = f'Failed to inspect image "{name}": {failure}'
            self._events.container(pod, container, "Warning", "InspectFailed", text)
            raise ImageError("ImageInspectError", text) from failure
        if policy == "Never" and image is None:
            text = f'Container image "{requested}" is not present with pull policy of Never'
            self._events.container(pod, container, "Warning", "ErrImageNeverPull", text)
            raise ImageError("ErrImageNeverPull", text)
        if image is not None and policy != "Always":
            text = f'Container image "{requested}" already present on machine and can be accessed by the pod'
            self._events.container(pod, container, "Normal", "Pulled", text)
            return image
        return await self._pull(pod, container, name, sandbox, secrets)

    async def _pull(
        self,
        pod: Pod,
        container: Container,
        name: str,
        sandbox: pb.PodSandboxConfig,
        secrets: Sequence[dict[str, Any]],
    ) -> pb.Image:
        key = f"{uid_of(pod)}_{name}"
        if self._backoff.remaining(key, self._failed_at.get(key, 0.0)):
            text = f'Back-off pulling image "{name}"'
            self._events.container(pod, container, "Normal", "BackOff", text)
            raise ImageError("ImagePullBackOff", f"{text}: {self._errors.get(key, '')}".rstrip(": "))
        self._events.container(pod, container, "Normal", "Pulling", f'Pulling image "{name}"')
        asked = time.monotonic()
        try:
            if self._pulls is None:
                started = asked
                await self._try_pull(name, sandbox, secrets)
            else:
                async with self._pulls:
                    started = time.monotonic()
                    await self._try_pull(name, sandbox, secrets)
        except RuntimeFailure as failure:
            text = f'Failed to pull image "{name}": {failure}'
            self._events.container(pod, container, "Warning", "Failed", text)
            self._backoff.next(key, time.time())
            self._failed_at[key] = time.time()
            self._errors[key] = f"ErrImagePull: {failure}"
            raise ImageError("ErrImagePull", str(failure)) from failure
        image = await self._cri.image_status(name)
        if image is None:
            raise ImageError("ErrImagePull", f'image "{name}" is not there after it was pulled')
        now = time.monotonic()
        self._backoff.forget(key)
        self._errors.pop(key, None)
        self._failed_at.pop(key, None)
        text = (
            f'Successfully pulled image "{name}" in {durations.render(now - started)}'
            f" ({durations.render(now - asked)} including waiting). Image size: {image.size} bytes."
        )
        self._events.container(pod, container, "Normal", "Pulled", text)
        return image

    async def _try_pull(
        self, name: str, sandbox: pb.PodSandboxConfig, secrets: Sequence[dict[str, Any]]
    ) -> None:
        credentials = matching_credentials(name, secrets)
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


def matching_credentials(image: str, secrets: Sequence[dict[str, Any]]) -> list[pb.AuthConfig]:
    """What pull secrets (dockerconfigjson and the older dockercfg) hold for the image's registry."""
    first = image.split("/", 1)[0]
    registry = (
        first if "/" in image and ("." in first or ":" in first or first == "localhost") else DEFAULT_REGISTRY
    )
    found: list[pb.AuthConfig] = []
    for secret in secrets:
        for server, entry in _auths(secret).items():
            host = server.removeprefix("https://").removeprefix("http://").split("/", 1)[0]
            if host in {registry, f"index.{registry}"}:
                found.append(_auth(entry, server))
    return found


def _auths(secret: dict[str, Any]) -> dict[str, Any]:
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            return orjson.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths") or {}
        if ".dockercfg" in data:
            return orjson.loads(base64.b64decode(data[".dockercfg"])) or {}
    except (ValueError, AttributeError) as error:
        log.warning("pull secret %s cannot be read: %s", secret["metadata"].get("name"), error)
    return {}


def _auth(entry: dict[str, Any], server: str) -> pb.AuthConfig:
    username, password = entry.get("username", ""), entry.get("password", "")
    if not username and entry.get("auth"):
        username, _, password = base64.b64decode(entry["auth"]).decode(errors="replace").partition(":")
    return pb.AuthConfig(
        username=username,
        password=password,
        server_address=server,
        identity_token=entry.get("identitytoken", ""),
        registry_token=entry.get("registrytoken", ""),
    )
