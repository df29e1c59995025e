"""A tree's digest follows its contents and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kprov.bundle import bytecode, content

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def make(tree: Path) -> Path:
    (tree / "lib/thing").mkdir(parents=True)
    (tree / "lib/thing/__init__.py").write_text("x = 1\n")
    (tree / "lib/thing-1.dist-info").mkdir()
    (tree / "lib/thing-1.dist-info/METADATA").write_text("Name: thing\n")
    (tree / "bin").mkdir()
    (tree / "bin/thing").write_text("#!/bin/sh\n")
    (tree / "bin/thing").chmod(0o755)
    (tree / "link").symlink_to("bin/thing")
    return tree


def test_times_owners_bits_and_compiled_modules_do_not_count(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one"), make(tmp_path / "other")
    assert bytecode.compile_tree(other / "lib", HERE)
    for path in other.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (other / "bin/thing").chmod(0o700)
    (other / "lib/thing-1.dist-info/METADATA").chmod(0o600)
    assert content.tree_digest(one) == content.tree_digest(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "lib/thing/__init__.py").write_text("x = 2\n"),
        lambda tree: (tree / "bin/thing").chmod(0o644),
        lambda tree: (tree / "bin/thing").rename(tree / "bin/other"),
        lambda tree: (tree / "new").write_text(""),
        lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("bin")),
    ],
    ids=["content", "not executable", "another name", "another file", "another link"],
)
def test_each_change_of_content_is_another_digest(change: Callable[[Path], object], tmp_path: Path) -> None:
    tree = make(tmp_path / "tree")
    before = content.tree_digest(tree)
    change(tree)
    assert content.tree_digest(tree) != before


def test_a_tree_in_the_cache_is_built_once(tmp_path: Path) -> None:
    def build(target: Path) -> None:
        (target / "file").write_text("1")

    first = content.ensure_tree(tmp_path / "place", build)
    second = content.ensure_tree(tmp_path / "place", lambda _: pytest.fail("built again"))
    assert first == second
    assert first.digest == content.tree_digest(first.path)
