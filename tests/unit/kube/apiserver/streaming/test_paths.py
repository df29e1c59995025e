"""Paths as Go cleans and escapes them."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.streaming import paths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""), ("/", "/"), ("//", "/"), ("/a/../b", "/b"), ("/a//b/", "/a/b/"), ("/..", "/"), ("/.", "/"), ("//a", "/a"), ("/a/./b", "/a/b"),
    ],
)  # fmt: skip
def test_a_path_is_cleaned_as_in_go(path: str, expected: str) -> None:
    assert paths.clean(path) == expected


def test_a_path_is_escaped_as_in_go() -> None:
    assert paths.escape("/a b/$&+,:;=@-_.~") == "/a%20b/$&+,:;=@-_.~"
    assert paths.escape("/(a)!*'?#[") == "/%28a%29%21%2A%27%3F%23%5B"
    assert paths.join("/api/proxy", "/a/") == "/api/proxy/a/"
