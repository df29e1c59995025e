"""runtime.v1.ImageService."""

from __future__ import annotations

from typing import Any

from kprov.kube.component_base.rpc.methods import UnaryMethod
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.images.manager import ImageManager
from kprov.kube.cri_docker.images.references import make_image
from kprov.kube.cri_docker.service.dispatch import bind_unary


class ImageService:
    """Its methods."""

    def __init__(self, images: ImageManager) -> None:
        self._images = images

    def list_methods(self) -> dict[str, UnaryMethod]:
        """Return the methods by their paths."""
        methods: dict[str, tuple[Any, Any]] = {
            "ListImages": (pb.ListImagesRequest, self._list_images),
            "ImageStatus": (pb.ImageStatusRequest, self._get_status),
            "PullImage": (pb.PullImageRequest, self._pull),
            "RemoveImage": (pb.RemoveImageRequest, self._remove),
            "ImageFsInfo": (pb.ImageFsInfoRequest, self._measure),
        }
        return {
            f"/runtime.v1.ImageService/{name}": bind_unary(request, handle)
            for name, (request, handle) in methods.items()
        }

    async def _list_images(self, request: pb.ListImagesRequest) -> pb.ListImagesResponse:
        return pb.ListImagesResponse(images=await self._images.list_images(request.filter.image.image))

    async def _get_status(self, request: pb.ImageStatusRequest) -> pb.ImageStatusResponse:
        image = await self._images.inspect(request.image.image)
        return pb.ImageStatusResponse(image=make_image(image) if image is not None else None)

    async def _pull(self, request: pb.PullImageRequest) -> pb.PullImageResponse:
        auth = request.auth if request.HasField("auth") else None
        return pb.PullImageResponse(image_ref=await self._images.pull(request.image.image, auth))

    async def _remove(self, request: pb.RemoveImageRequest) -> pb.RemoveImageResponse:
        await self._images.remove(request.image.image)
        return pb.RemoveImageResponse()

    async def _measure(self, request: pb.ImageFsInfoRequest) -> pb.ImageFsInfoResponse:
        usage = await self._images.measure()
        return pb.ImageFsInfoResponse(image_filesystems=[usage], container_filesystems=[usage])
