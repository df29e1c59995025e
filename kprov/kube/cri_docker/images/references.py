"""References of images: NAME[:TAG][@DIGEST], and what CRI says of an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.cri import runtime_pb2 as pb

_PULLABLE: Final = "docker-pullable://"
_LOCAL: Final = "docker://"
_NONE: Final = "<none>"


def split_reference(reference: str) -> tuple[str, str]:
    """Return the name and the tag or digest, "latest" for none."""
    name, _, digest = reference.partition("@")
    base, separator, tag = name.rpartition(":")
    has_tag = bool(separator) and "/" not in tag
    if digest:
        return (base if has_tag else name), digest
    return (base, tag) if has_tag else (name, "latest")


def list_tags(image: Mapping[str, Any]) -> list[str]:
    """Return the references with tags of an image as Docker lists or inspects it."""
    return [tag for tag in image.get("RepoTags") or () if _NONE not in tag]


def list_digests(image: Mapping[str, Any]) -> list[str]:
    """Return the references with digests."""
    return [digest for digest in image.get("RepoDigests") or () if _NONE not in digest]


def make_image_ref(image: Mapping[str, Any]) -> str:
    """Return what a pod's status shows as imageID (cri-dockerd: toPullableImageID)."""
    digests = list_digests(image)
    return _PULLABLE + digests[0] if digests else _LOCAL + str(image["Id"])


def strip_image_ref(reference: str) -> str:
    """Return the identifier or reference without the prefix of `make_image_ref`."""
    return reference.removeprefix(_PULLABLE).removeprefix(_LOCAL)


def make_image(image: Mapping[str, Any]) -> pb.Image:
    """Return CRI's message for an image as Docker lists or inspects it. Only the latter has a user."""
    message = pb.Image(
        id=image["Id"],
        repo_tags=list_tags(image),
        repo_digests=list_digests(image),
        size=max(0, int(image.get("Size") or 0)),
    )
    user = str((image.get("Config") or {}).get("User") or "").partition(":")[0]
    if user.isdecimal():
        message.uid.value = int(user)
    else:
        message.username = user
    return message
