"""Which versions upstream lets run side by side."""

from __future__ import annotations

import pytest

from kprov.operations.skew import Release, SkewHost, find_jumps, find_skew


def control_plane(name: str, minor: int) -> SkewHost:
    return SkewHost(name, (1, minor, 0), control_plane=True, node=False)


def node(name: str, release: Release | None) -> SkewHost:
    return SkewHost(name, release, control_plane=False, node=True)


def test_api_servers_differ_by_one_minor_version_at_most() -> None:
    assert not find_skew([control_plane("a", 36), control_plane("b", 37)])
    (problem,) = find_skew([control_plane("a", 36), control_plane("b", 38)])
    assert "b (v1.38.0) and a (v1.36.0)" in problem


@pytest.mark.parametrize(
    ("release", "text"),
    [
        ((1, 36, 0), ""),
        ((1, 36, 9), ""),
        ((1, 33, 0), ""),
        (None, ""),
        ((1, 37, 0), "newer than the API server of a"),
        ((2, 0, 0), "newer than the API server of a"),
        ((1, 32, 5), "three minor versions older"),
    ],
)
def test_a_kubelet_is_up_to_three_minor_versions_older_and_never_newer(
    release: Release | None, text: str
) -> None:
    problems = find_skew([control_plane("a", 36), node("w", release)])
    assert [text in problem for problem in problems] == ([True] if text else [])


def test_a_kubelet_is_compared_with_the_oldest_and_the_newest_api_server() -> None:
    servers = [control_plane("a", 36), control_plane("b", 37)]
    assert "newer than the API server of a" in find_skew([*servers, node("w", (1, 37, 0))])[0]
    assert "API server of b (v1.37.0): upgrade w first" in find_skew([*servers, node("w", (1, 33, 0))])[0]


def test_an_upgrade_goes_up_by_one_minor_version() -> None:
    assert not find_jumps({"a": (1, 36, 0)}, {"a": (1, 37, 2)})
    assert not find_jumps({"a": (1, 36, 0)}, {"a": (1, 36, 0)})
    assert "skips a minor version" in find_jumps({"a": (1, 36, 0)}, {"a": (1, 38, 0)})[0]
    assert "kprov rollback" in find_jumps({"a": (1, 36, 1)}, {"a": (1, 36, 0)})[0]


def test_unknown_versions_are_not_judged() -> None:
    assert not find_jumps({"a": None, "b": (1, 36, 0)}, {"a": (1, 38, 0)})
    assert not find_skew([])
