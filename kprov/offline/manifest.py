"""The manifest of an export: what it contains, and the hash of each of its files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from kprov.errors import InputError

FORMAT = 1  # raised when the layout changes
#: The first member of an export.
NAME = "manifest.json"
_KEY = "kprov_export"


@dataclass(frozen=True)
class ExportedFile:
    """Hexadecimal SHA-256 and size in bytes of a file in the export."""

    sha256: str
    size: int


@dataclass(frozen=True)
class ExportedDistribution:
    """The bundle and the apt repository for a distribution; paths are those in the export."""

    release: str
    python: str
    bundle: str
    bundle_digest: str
    repository: str
    repository_digest: str


@dataclass(frozen=True)
class ExportedImages:
    """The images' archive, a digest of its contents, and the full names of the images."""

    archive: str
    digest: str
    names: tuple[str, ...]

    @property
    def registries(self) -> list[str]:
        """Return the registries of the images, such as docker.io, sorted."""
        return sorted({name.partition("/")[0] for name in self.names})


@dataclass(frozen=True)
class Manifest:
    """An export; `kprov` and `components` are the versions that wrote it."""

    kprov: str
    components: str
    architecture: str
    distributions: dict[str, ExportedDistribution]
    images: ExportedImages | None = None
    files: dict[str, ExportedFile] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the manifest as a JSON document."""
        return (json.dumps({_KEY: FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n").encode()


def parse_manifest(content: bytes, file: Path) -> Manifest:
    """Return the manifest of the export `file`.

    Raises:
        InputError: it is not the manifest of an export, or another version of kprov wrote it.

    """
    try:
        document = json.loads(content)
        form = document[_KEY]
    except (ValueError, KeyError, TypeError):
        raise InputError("is not an export of kprov", file=file) from None
    own = version("kprov")
    written_by = document.get("kprov")
    if form != FORMAT or written_by != own:
        text = f"kprov {written_by} wrote this export, and this is kprov {own}: "
        raise InputError(f"{text}export again with `kprov bundle export`", file=file)
    try:
        return _read_document(document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"the manifest of the export is damaged: {error}", file=file) from None


def _read_document(document: dict[str, Any]) -> Manifest:
    images = document["images"]
    files = {path: ExportedFile(**file) for path, file in document["files"].items()}
    for path in files:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path!r} is no path inside the export")
    manifest = Manifest(
        kprov=document["kprov"],
        components=document["components"],
        architecture=document["architecture"],
        distributions={
            name: ExportedDistribution(**fields) for name, fields in document["distributions"].items()
        },
        images=images and ExportedImages(images["archive"], images["digest"], tuple(images["names"])),
        files=files,
    )
    for distribution in manifest.distributions.values():
        _ = files[distribution.bundle], files[distribution.repository]
    if manifest.images is not None:
        _ = files[manifest.images.archive]
    return manifest


def hash_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
