"""Writes an export: bundles, apt repositories and images for named distributions in one file."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kprov.bundle import sources, store
from kprov.bundle.build import build_bundle
from kprov.debian.packages import debian_architecture
from kprov.debian.programs import ensure_programs
from kprov.errors import InputError
from kprov.offline import apt_repository, image_sources, manifest, packages, registry_storage, signature
from kprov.offline.distributions import Distribution
from kprov.offline.image_sources import ImageSource
from kprov.offline.manifest import ExportedDistribution, ExportedFile, ExportedImages, Manifest

Say = Callable[[str], None]
KEEP = 2  # repositories to keep for each release; the oldest are removed


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    `packages` are Debian packages beside those of the roles. `images` are archives, folders or names.
    """

    distributions: Sequence[Distribution]
    arch: str
    packages: Sequence[str] = ()
    images: Sequence[str] = ()
    #: The private key that signs the export.
    key: Path | None = None


def write_export(
    file: Path, request: ExportRequest, *, cache: Path = store.DEFAULT, say: Say = lambda _: None
) -> Manifest:
    """Write the export to `file`, which is replaced at the end. Bundles and packages are cached in `cache`.

    Raises:
        InputError: the file cannot be written, or an image does not exist.
        KprovError: a part cannot be fetched or built.

    """
    _check_target(file)
    key = signature.load_signing_key(request.key) if request.key is not None else None
    ensure_programs({"gpg": "gpg"} | ({"skopeo": "skopeo"} if request.images else {}), say)
    images = [source for image in request.images for source in image_sources.find_sources(image)]
    contents: dict[str, Path] = {}
    distributions = {
        distribution.name: _add_distribution(distribution, request, contents, cache, say)
        for distribution in request.distributions
    }
    with tempfile.TemporaryDirectory(prefix=".images-", dir=cache) as name:
        exported = _add_images(images, request.arch, Path(name), contents, say) if images else None
        export_manifest = _make_manifest(request, distributions, exported, contents)
        say(f"Writing {file}")
        _pack_export(file, export_manifest, contents, key)
    return export_manifest


def _make_manifest(
    request: ExportRequest,
    distributions: dict[str, ExportedDistribution],
    images: ExportedImages | None,
    contents: dict[str, Path],
) -> Manifest:
    return Manifest(
        kprov=version("kprov"),
        components=sources.read_components_version(),
        architecture=request.arch,
        distributions=distributions,
        images=images,
        files={
            path: ExportedFile(manifest.hash_file(source), source.stat().st_size)
            for path, source in sorted(contents.items())
        },
    )


def _check_target(file: Path) -> None:
    if file.is_dir():
        raise InputError("is a folder; name the file to write", file=file)
    if not os.access(file.resolve().parent, os.W_OK):
        raise InputError("the folder does not exist or cannot be written", file=file)


def _add_distribution(
    distribution: Distribution, request: ExportRequest, contents: dict[str, Path], cache: Path, say: Say
) -> ExportedDistribution:
    """Build the bundle and the repository; add their files to `contents` by their path in the export."""
    bundle = build_bundle(python=distribution.python, arch=request.arch, cache=cache, say=say)
    bundle_path = f"bundles/{bundle.path.name}"
    contents[bundle_path] = bundle.path
    with store.lock_cache(cache):
        digest, archive = _ensure_repository(distribution, request, cache, say)
    repository_path = f"apt/{distribution.name}-{digest}.tar"
    contents[repository_path] = archive
    return ExportedDistribution(
        release=distribution.release,
        python=distribution.python,
        bundle=bundle_path,
        bundle_digest=bundle.digest,
        repository=repository_path,
        repository_digest=digest,
    )


def _add_images(
    images: Sequence[ImageSource], arch: str, work: Path, contents: dict[str, Path], say: Say
) -> ExportedImages:
    """Copy the images into the storage of a registry; add its archive to `contents`."""
    storage, added = work / "storage", []
    for number, source in enumerate(images):
        say(f"Copying image {source.reference}")
        folder = work / str(number)
        image_sources.copy_image(source, folder, arch=arch)
        added.append((source.reference, registry_storage.add_image(folder, storage, source.reference)))
    digest = registry_storage.storage_digest(added)
    archive = work / "storage.tar"
    registry_storage.pack_storage(storage, archive)
    path = f"registry/images-{digest}.tar"
    contents[path] = archive
    return ExportedImages(path, digest, tuple(sorted(str(reference) for reference, _ in added)))


def _ensure_repository(
    distribution: Distribution, request: ExportRequest, cache: Path, say: Say
) -> tuple[str, Path]:
    """Return digest and archive of the repository of the newest packages; pack it if it is not cached."""
    names = [*packages.list_names(), *request.packages]
    say(f"Fetching the packages of {distribution.title} and all that they depend on")
    debs = packages.download_closure(names, release=distribution.release, arch=request.arch, cache=cache)
    digest = apt_repository.repository_digest(debs, distribution.release)
    folder = cache / "repositories"
    prefix = f"{distribution.release}-{request.arch}-"
    architecture = debian_architecture(request.arch)

    def pack(target: Path) -> None:
        say(f"Packing and signing an apt repository of {len(debs)} packages")
        file = target / "repository.tar"
        apt_repository.pack_repository(debs, file, release=distribution.release, architecture=architecture)

    place = store.ensure_folder(folder / f"{prefix}{digest}", pack)
    _remove_old(folder, prefix, place)
    return digest, place / "repository.tar"


def _remove_old(folder: Path, prefix: str, current: Path) -> None:
    others = sorted((path for path in folder.glob(f"{prefix}*") if path != current), key=_modified)
    for old in others[: max(0, len(others) - KEEP + 1)]:
        (old / "repository.tar").unlink(missing_ok=True)
        old.rmdir()


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _pack_export(
    file: Path, content: Manifest, contents: dict[str, Path], key: Ed25519PrivateKey | None
) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        # Not compressed: all of its large files are.
        with tarfile.open(aside, "w", format=tarfile.GNU_FORMAT) as tar:
            encoded = content.encode()
            _add_member(tar, manifest.NAME, encoded)
            if key is not None:
                _add_member(tar, signature.NAME, signature.sign_manifest(encoded, key).encode())
            for path, source in sorted(contents.items()):
                tar.add(source, path)
        aside.replace(file)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=file) from error
    finally:
        aside.unlink(missing_ok=True)
