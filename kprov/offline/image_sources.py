"""Copies images from files, folders and registries with skopeo.

An image is given as a docker archive (docker save), an OCI archive, a folder with an OCI layout, or a name to
pull. NAME=FILE names an image whose file does not.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kprov.debian.packages import debian_architecture
from kprov.errors import InputError, KprovError
from kprov.offline.references import Reference, parse_reference

_TIMEOUT = 1800.0
_NAME_KEYS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True)
class ImageSource:
    """An image: its name, and where skopeo finds it (TRANSPORT:PLACE)."""

    reference: Reference
    place: str


def find_sources(argument: str) -> list[ImageSource]:
    """Return the images of an argument of --image.

    Raises:
        InputError: the file has no image, or the image has no full name.

    """
    name, equals, place = argument.partition("=")
    path = Path(place if equals else argument).expanduser()
    if not path.exists() and (equals or argument.startswith((".", "/", "~"))):
        raise InputError(f"{path} does not exist", field="--image")
    if not path.exists():
        reference = parse_reference(argument)
        return [ImageSource(reference, f"docker://{reference}")]
    images = list(_find_in_folder(path) if path.is_dir() else _find_in_archive(path))
    if not images:
        raise InputError("has no image", file=path, field="--image")
    if equals:
        if len(images) > 1:
            raise InputError(f"has {len(images)} images; a name fits only one", file=path, field="--image")
        return [ImageSource(parse_reference(name), images[0][1])]
    return [ImageSource(_require_name(own, path), place) for own, place in images]


def copy_image(source: ImageSource, folder: Path, *, arch: str) -> None:
    """Copy an image for an architecture into a folder, in skopeo's format `dir`.

    Raises:
        KprovError: skopeo failed; the message ends with its output.

    """
    skopeo = ["skopeo", "--insecure-policy", "--override-os=linux"]
    skopeo += [f"--override-arch={debian_architecture(arch)}", "copy", "--quiet", "--dest-compress"]
    if source.reference.digest:
        # The digest may be that of a list for all architectures.
        skopeo += ["--all", "--preserve-digests"]
    command = [*skopeo, source.place, f"dir:{folder}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise KprovError(f"{source.reference}: skopeo took longer than {_TIMEOUT:.0f} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise KprovError(f"cannot copy image {source.reference}: {said[-1][-600:]}")


def _require_name(name: str, path: Path) -> Reference:
    if not name or ("/" not in name and ":" not in name):
        text = f"the image has no full name: use --image NAME={path}"
        raise InputError(text, file=path, field="--image")
    return parse_reference(name)


def _find_in_folder(path: Path) -> Iterator[tuple[str, str]]:
    """Return names and places of the images of an OCI layout."""
    try:
        index = json.loads((path / "index.json").read_text())
    except (OSError, ValueError):
        raise InputError("is not an OCI layout: it has no index.json", file=path, field="--image") from None
    yield from _read_index(index, f"oci:{path}")


def _find_in_archive(path: Path) -> Iterator[tuple[str, str]]:
    """Return names and places of the images of a docker archive or an OCI archive."""
    try:
        with tarfile.open(path) as tar:
            names = set(tar.getnames())
            if "manifest.json" in names:
                yield from _read_docker_manifest(_read_json(tar, "manifest.json"), path)
            elif "index.json" in names:
                yield from _read_index(_read_json(tar, "index.json"), f"oci-archive:{path}")
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise InputError(f"is no archive of images: {error}", file=path, field="--image") from None


def _read_json(tar: tarfile.TarFile, name: str) -> object:
    content = tar.extractfile(name)
    return json.load(content) if content else None


def _read_docker_manifest(manifest: object, path: Path) -> Iterator[tuple[str, str]]:
    for number, image in enumerate(manifest if isinstance(manifest, list) else []):
        for tag in image.get("RepoTags") or []:
            yield tag, f"docker-archive:{path}:{tag}"
        if not image.get("RepoTags"):
            yield "", f"docker-archive:{path}:@{number}"


def _read_index(index: object, place: str) -> Iterator[tuple[str, str]]:
    """Return names and places of the images that an OCI index names."""
    manifests = index.get("manifests", []) if isinstance(index, dict) else []
    for manifest in manifests:
        annotations = manifest.get("annotations", {})
        name = next((annotations[key] for key in _NAME_KEYS if annotations.get(key)), "")
        own = annotations.get(_NAME_KEYS[1], "")
        yield name, f"{place}:{own}" if own else place
