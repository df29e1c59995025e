"""The digest of a tree's contents, independent of owners and times."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kprov.bundle import bytecode, store


@dataclass(frozen=True)
class Tree:
    """A folder and the digest of its contents."""

    path: Path
    digest: str


def ensure_tree(place: Path, build: Callable[[Path], None]) -> Tree:
    """Return the cached tree at `place`; build it if needed, and store its digest beside it.

    Call it under the cache's lock.
    """

    def build_with_digest(target: Path) -> None:
        tree = target / "tree"
        tree.mkdir()
        build(tree)
        (target / "digest").write_text(tree_digest(tree))

    store.ensure_folder(place, build_with_digest)
    return Tree(place / "tree", (place / "digest").read_text())


def tree_digest(tree: Path) -> str:
    """SHA-256 over the paths, contents, links and executable bits of a tree, hexadecimal.

    Times, owners and other permissions are ignored: the archive has none of them. Compiled modules are
    ignored too: they follow from the sources and exist only if the operator has the hosts' Python.
    """
    total = hashlib.sha256()
    for path in sorted(tree.rglob("*"), key=lambda entry: entry.relative_to(tree).parts):
        inside = path.relative_to(tree)
        if bytecode.is_compiled(inside):
            continue
        if path.is_symlink():
            kind, content = "link", os.fsencode(path.readlink())
        elif path.is_file():
            kind, content = ("program" if path.stat().st_mode & 0o100 else "file"), path.read_bytes()
        else:
            continue
        total.update(f"{inside}\0{kind}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()
