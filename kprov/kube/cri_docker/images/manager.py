"""Lists, pulls and removes images (cri-dockerd: core/image*.go)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.engine.client import Engine, is_gone, quote_name
from kprov.kube.cri_docker.engine.errors import EngineError
from kprov.kube.cri_docker.images.references import (
    list_tags,
    make_image,
    make_image_ref,
    split_reference,
    strip_image_ref,
)
from kprov.kube.cri_docker.images.registry_auth import encode_credentials

#: From this version on the engine can say how much space images take without measuring containers.
_DISK_USAGE_BY_TYPE: Final = (1, 42)
_MAX_PROGRESS_LINE_BYTES: Final = 1024 * 1024


class ImageManager:
    """The images of one engine."""

    def __init__(self, engine: Engine, *, progress_seconds: float) -> None:
        """progress_seconds: a pull without progress for so long is cancelled."""
        self._engine = engine
        self._progress_seconds = progress_seconds

    async def list_images(self, reference: str = "") -> list[pb.Image]:
        """Return the images with a reference, all for ""."""
        filters = {"filters": {"reference": [reference]}} if reference else {}
        return [make_image(image) for image in await self._engine.get("/images/json", **filters)]

    async def inspect(self, reference: str) -> dict[str, Any] | None:
        """Return Docker's document of an image, None if the engine does not have it."""
        try:
            document = await self._engine.get(f"/images/{quote_name(strip_image_ref(reference))}/json")
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        return dict(document)

    async def pull(self, reference: str, auth: pb.AuthConfig | None) -> str:
        """Return the image's reference by digest, or its identifier. RpcError."""
        name, tag = split_reference(reference)
        headers = {"X-Registry-Auth": encode_credentials(auth)} if auth is not None else {}
        async with self._engine.stream(
            "POST", "/images/create", headers=headers, fromImage=name, tag=tag
        ) as pieces:
            iterator = aiter(pieces)
            line = b""
            while True:
                try:
                    async with asyncio.timeout(self._progress_seconds):
                        piece = await anext(iterator)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    text = f"pulling {reference}: no progress for {self._progress_seconds:g} s"
                    raise RpcError(Code.UNKNOWN, text) from None
                *lines, line = (line + piece).split(b"\n")
                for complete in lines:
                    _check_progress(complete)
                if len(line) > _MAX_PROGRESS_LINE_BYTES:
                    raise RpcError(Code.UNKNOWN, f"pulling {reference}: a line of the progress is too long")
            _check_progress(line)
        image = await self.inspect(reference)
        if image is None:
            raise RpcError(Code.UNKNOWN, f"the engine does not have {reference} after pulling it")
        return make_image_ref(image)

    async def remove(self, reference: str) -> None:
        """Remove an image with all its tags. Does nothing if the engine does not have it."""
        image = await self.inspect(reference)
        if image is None:
            return
        for tag in list_tags(image):
            await is_gone(self._engine, f"/images/{quote_name(tag)}")
        # The last tag takes its image with it, unless digests of other repositories name it, too.
        await is_gone(self._engine, f"/images/{image['Id']}", force=True)

    async def measure(self) -> pb.FilesystemUsage:
        """Return the space that images take in the file system of Docker's data.

        An engine before API 1.42 would measure all containers for this. There it is the sum of the images'
        sizes, which counts shared layers several times.
        """
        info: Mapping[str, Any] = await self._engine.get("/info")
        if await self._engine.get_api_version() >= _DISK_USAGE_BY_TYPE:
            used = int((await self._engine.get("/system/df", type="image")).get("LayersSize") or 0)
        else:
            used = sum(image.size for image in await self.list_images())
        return pb.FilesystemUsage(
            timestamp=time.time_ns(),
            fs_id=pb.FilesystemIdentifier(mountpoint=info["DockerRootDir"]),
            used_bytes=pb.UInt64Value(value=used),
        )


def _check_progress(line: bytes) -> None:
    """RpcError: the line says that the pull has failed."""
    if not line.strip():
        return
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return
    if isinstance(document, dict) and document.get("error"):
        raise RpcError(Code.UNKNOWN, str(document["error"]))
