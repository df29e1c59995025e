"""assemble and script."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("args", "content"),
    [
        ({}, "hidden\none\ntwo\nthree\n"),
        ({"ignore_hidden": True}, "one\ntwo\nthree\n"),
        ({"regexp": "^[12]"}, "one\ntwo"),
        ({"regexp": "^[12]", "delimiter": "--\\x41"}, "one\n--A\ntwo"),
        ({"regexp": "^[12]", "delimiter": "--\\n"}, "one\n--\ntwo"),
    ],
)
def test_fragments_are_joined(do: Run, tmp_path: Path, args: dict[str, Any], content: str) -> None:
    folder, dest = tmp_path / "fragments", tmp_path / "dest"
    (folder / "folder").mkdir(parents=True)
    for name, text in ((".0", "hidden\n"), ("1", "one\n"), ("2", "two"), ("3", "three\n")):
        (folder / name).write_text(text)
    args = {"src": str(folder), "dest": str(dest), **args}
    assert do("assemble", check=True, **args)["changed"]
    assert not dest.exists()
    assert do("assemble", **args)["changed"]
    assert dest.read_text() == content
    assert not do("assemble", **args)["changed"]


def test_fragments_of_the_operator_have_a_diff_also_when_they_are_there(do: Run, tmp_path: Path) -> None:
    data, dest = b"one\ntwo\n", tmp_path / "dest"
    sha = hashlib.sha256(data).hexdigest()
    args = {
        "blobs": {sha: data},
        "diff": True,
        "_sha256": sha,
        "_src": "/there",
        "src": "/there",
        "dest": str(dest),
    }
    new = {"after_header": "/there", "after": "one\ntwo\n"}
    assert do("assemble", **args)["diff"] == {"before": "", **new}
    again = do("assemble", **args)
    assert (again["changed"], again["diff"]) == (
        False,
        {"before_header": str(dest), "before": "one\ntwo\n", **new},
    )


def test_a_script_runs_with_its_words(do: Run, tmp_path: Path) -> None:
    data = b'#!/bin/sh\necho "$1-$2"; pwd; exit 3\n'
    sha = hashlib.sha256(data).hexdigest()
    args = {"_sha256": sha, "_arguments": "'a b' $NAME", "blobs": {sha: data}, "chdir": "/usr"}
    result = do("script", environment={"NAME": "c"}, **args)
    assert (result["rc"], result["stdout_lines"]) == (3, ["a b-c", "/usr"])
    assert result["msg"] == "non-zero return code"
    skipped = do("script", creates=str(tmp_path), **args)
    assert skipped["msg"] == f"{tmp_path} exists, matching creates option"
