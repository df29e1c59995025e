"""Builds bundles (bin/ launchers, lib/ components and libraries, images/) for kinds of hosts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kprov.bundle import (
    archive,
    bytecode,
    components,
    content,
    image_packages,
    images,
    libraries,
    metadata,
    sources,
    store,
)
from kprov.bundle.lock import read_lock
from kprov.debian.packages import RELEASE, debian_architecture
from kprov.errors import InputError

FORMAT = 3  # raised when the layout changes
KEEP = 6  # archives to keep for one Python and architecture; the oldest are removed
PYTHONS = ("3.11", "3.12", "3.13")
_NAME = re.compile(r"^kprov-bundle-(?P<python>\d+\.\d+)-(?P<arch>\w+)-(?P<digest>[0-9a-f]+)\.tar\.gz$")


@dataclass(frozen=True)
class Bundle:
    """A bundle's archive; `digest` is over its contents and is part of the name. Size in bytes."""

    path: Path
    python: str
    arch: str
    digest: str

    @property
    def size(self) -> int:
        return self.path.stat().st_size


def build_bundle(
    *,
    python: str,
    arch: str,
    cache: Path = store.DEFAULT,
    say: Callable[[str], None] = lambda _: None,
    describe: Callable[[], sources.Description] = sources.describe_sources,
) -> Bundle:
    """Return the bundle for hosts with this Python (3.13) and architecture (x86_64); build it if needed.

    Its contents depend on this repository and its lock files, not on what is installed on this machine.
    Modules are compiled when this machine has the hosts' Python; see bytecode.
    `describe` describes the sources.

    Raises:
        InputError: components do not run on that Python or architecture.
        KprovError: a library or a package cannot be fetched.

    """
    if python not in PYTHONS:
        raise InputError(f"components run on Python {', '.join(PYTHONS)}, not on {python}")
    debian_architecture(arch)
    parts = _PartCache(cache, python, arch, say)
    launchers = {name: components.render_launcher(name, python) for name in components.list_programs()}
    description = describe()
    build_info = description.build_info
    made_from = [FORMAT, description.digest, build_info, launchers]
    with store.lock_cache(cache):
        library_tree, image_tree = parts.libraries(), parts.images()
        digest = store.cache_key([*made_from, library_tree.digest, image_tree.digest])
        bundle = Bundle(cache / f"kprov-bundle-{python}-{arch}-{digest}.tar.gz", python, arch, digest)
        if bundle.path.exists():
            return bundle
        say(f"Packing bundle {digest}")
        tree = cache / f".tree-{os.getpid()}"
        try:
            _assemble_tree(tree, library_tree.path, image_tree.path, launchers, python, build_info)
            aside = cache / f".{bundle.path.name}.new"
            archive.pack_tree(tree, aside)
            aside.rename(bundle.path)
        finally:
            shutil.rmtree(tree, ignore_errors=True)
        _remove_old(cache, bundle)
    return bundle


def list_bundles(cache: Path = store.DEFAULT) -> list[Bundle]:
    """Return all bundles in the cache, the newest first."""
    bundles = [bundle for path in cache.glob("*.tar.gz") if (bundle := parse_bundle(path)) is not None]
    return sorted(bundles, key=lambda bundle: -bundle.path.stat().st_mtime)


def parse_bundle(path: Path) -> Bundle | None:
    """Return the bundle of an archive by its name; None if the name is not that of a bundle."""
    match = _NAME.match(path.name)
    return Bundle(path, match["python"], match["arch"], match["digest"]) if match else None


@dataclass(frozen=True)
class _PartCache:
    """The fetched parts of a bundle, cached under a key of their lock file."""

    cache: Path
    python: str
    arch: str
    say: Callable[[str], None]

    def libraries(self) -> content.Tree:
        locked = read_lock(python=self.python, arch=self.arch)
        key = store.cache_key([libraries.FORMAT, libraries.RELEASE, [library.line() for library in locked]])

        def install(target: Path) -> None:
            self.say(f"Fetching the components' libraries for Python {self.python} on {self.arch}")
            libraries.install_libraries(target, python=self.python, arch=self.arch, libraries=locked)
            bytecode.compile_tree(target, self.python)

        place = self.cache / "libraries" / f"{self.python}-{self.arch}-{key}"
        return content.ensure_tree(place, install)

    def images(self) -> content.Tree:
        lock = image_packages.read_lock()
        key = store.cache_key([images.FORMAT, RELEASE, lock.get(self.arch)])

        def build_images(target: Path) -> None:
            images.build_images(target, self.arch, self.cache, lock=lock, say=self.say)

        return content.ensure_tree(self.cache / "images" / f"{self.arch}-{key}", build_images)


def _assemble_tree(
    tree: Path,
    lib: Path,
    image_folder: Path,
    launchers: dict[str, str],
    python: str,
    build_info: str,
) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(lib, tree / "lib", copy_function=os.link, symlinks=True)
    for file in sources.list_files():
        target = tree / "lib/kprov" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources.PACKAGE / file, target)
    (tree / "lib/kprov" / sources.BUILD_INFO).write_text(build_info)
    description = metadata.read_sources(build_info=build_info)
    (tree / metadata.FILE).write_text(metadata.render_metadata(description))
    mark = tree / "lib" / bytecode.MARK
    was_compiled = mark.exists()
    mark.unlink(missing_ok=True)
    # The mark is present only if the whole tree is compiled.
    if was_compiled and bytecode.compile_tree(tree / "lib/kprov", python):
        (tree / "lib/kprov" / bytecode.MARK).rename(mark)
    shutil.copytree(image_folder, tree / "images")
    (tree / "bin").mkdir()
    for name, text in launchers.items():
        file = tree / "bin" / name
        file.write_text(text)
        file.chmod(0o755)


def _remove_old(cache: Path, current: Bundle) -> None:
    same = [
        bundle
        for bundle in list_bundles(cache)
        if (bundle.python, bundle.arch) == (current.python, current.arch)
    ]
    for bundle in same[KEEP:]:
        bundle.path.unlink()
    for remains in cache.glob(".tree-*"):
        shutil.rmtree(remains, ignore_errors=True)
