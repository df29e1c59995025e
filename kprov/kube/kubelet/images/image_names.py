"""Names of images: the form that the runtime expects, and the registry that a name belongs to."""

import re
from typing import Final

from kprov.kube.kubelet.images.errors import ImageError

DEFAULT_REGISTRY: Final = "docker.io"
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.\-/:]*(?:@[\w+.]+:[0-9a-fA-F]+)?")


def apply_default_tag(image: str) -> str:
    """Add `:latest` to a name without tag and digest. Raises ImageError InvalidImageName."""
    if not _NAME.fullmatch(image):
        text = (
            f'Failed to apply default image tag "{image}":'
            f' couldn\'t parse image name "{image}": invalid reference format'
        )
        raise ImageError("InvalidImageName", text)
    if "@" in image or ":" in image.rsplit("/", 1)[-1]:
        return image
    return f"{image}:latest"


def get_registry(image: str) -> str:
    first = image.split("/", 1)[0]
    has_host = "/" in image and ("." in first or ":" in first or first == "localhost")
    return first if has_host else DEFAULT_REGISTRY
