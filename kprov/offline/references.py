"""Names of images: registry, repository, tag and digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kprov.errors import InputError

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_REGISTRY = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HUB = "docker.io"


@dataclass(frozen=True)
class Reference:
    """An image's full name. `digest` is empty for a name by tag, `tag` for a name by digest."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}"
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"

    @property
    def stored_repository(self) -> str:
        """The repository in kprov's registry, which is apart for each registry."""
        return f"{stored_registry(self.registry)}/{self.repository}"


def stored_registry(registry: str) -> str:
    """Return the folder of a registry's images in kprov's registry, whose names have no colon."""
    return registry.replace(":", "_").lower()


def parse_reference(text: str) -> Reference:
    """Return the full name of an image, such as docker.io/library/nginx:latest for nginx.

    Raises:
        InputError: it is not the name of an image.

    """
    name, _, digest = text.partition("@")
    parent, parent_slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    path = f"{parent}{parent_slash}{last}"
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, repository = first, rest
    else:
        registry, repository = _HUB, path if slash else f"library/{path}"
    valid = (
        _REGISTRY.fullmatch(registry)
        and _REPOSITORY.fullmatch(repository)
        and (not tag or _TAG.fullmatch(tag))
        and (not digest or _DIGEST.fullmatch(digest))
    )
    if not valid:
        raise InputError(f"{text!r} is not the name of an image", field="--image")
    return Reference(registry, repository, "" if digest else tag or "latest", digest)
