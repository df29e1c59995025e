"""Writes images as the storage of a registry (docker-registry 2, driver filesystem).

The registry serves them without an upload: the hosts unpack the archive into its folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kprov.bundle import store
from kprov.errors import KprovError
from kprov.offline.references import Reference

_ROOT = Path("docker/registry/v2")


def add_image(folder: Path, storage: Path, reference: Reference) -> str:
    """Add an image in skopeo's format `dir` to the storage; return the digest of its manifest.

    Raises:
        KprovError: a blob is missing.

    """
    repository = storage / _ROOT / "repositories" / reference.stored_repository
    digest = _add_manifest(folder, "manifest.json", storage, repository)
    if reference.tag:
        tag = repository / "_manifests/tags" / reference.tag
        _write_link(tag / "current", digest)
        _write_link(tag / "index/sha256" / digest, digest)
    return digest


def storage_digest(images: Iterable[tuple[Reference, str]]) -> str:
    """Return the digest that identifies the storage of these images and their manifests' digests."""
    return store.cache_key(sorted([str(reference), digest] for reference, digest in images))


def pack_storage(storage: Path, archive: Path) -> None:
    """Write the storage as a tar archive. Its blobs are compressed."""
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(storage.rglob("*")):
            tar.add(path, str(path.relative_to(storage)), recursive=False, filter=_normalize)


def _normalize(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def _add_manifest(folder: Path, name: str, storage: Path, repository: Path) -> str:
    """Add a manifest and all that it names: blobs, or manifests for several architectures."""
    content = _read_file(folder / name)
    document: dict[str, Any] = json.loads(content)
    digest = hashlib.sha256(content).hexdigest()
    for descriptor in document.get("manifests", []):
        _add_manifest(folder, f"{_hexadecimal(descriptor)}.manifest.json", storage, repository)
    for descriptor in [document.get("config"), *document.get("layers", [])]:
        if descriptor is not None:
            blob = _hexadecimal(descriptor)
            _add_blob(folder / blob, storage, blob)
            _write_link(repository / "_layers/sha256" / blob, blob)
    _add_blob(folder / name, storage, digest)
    _write_link(repository / "_manifests/revisions/sha256" / digest, digest)
    return digest


def _add_blob(source: Path, storage: Path, digest: str) -> None:
    target = storage / _ROOT / "blobs/sha256" / digest[:2] / digest / "data"
    if target.exists():
        return
    if not source.exists():
        raise KprovError(f"the image has no file {source.name}")
    target.parent.mkdir(parents=True)
    os.link(source, target)


def _write_link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link").write_text(f"sha256:{digest}")


def _read_file(path: Path) -> bytes:
    if not path.exists():
        raise KprovError(f"the image has no file {path.name}")
    return path.read_bytes()


def _hexadecimal(descriptor: dict[str, Any]) -> str:
    return str(descriptor["digest"]).removeprefix("sha256:")
