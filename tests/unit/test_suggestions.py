"""Suggestions for typing mistakes; none for words that only look alike."""

from __future__ import annotations

import pytest

from kprov.playbook.loading import module_names
from kprov.suggestions import closest, hint


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("whne", "when"),
        ("servcie", "service"),
        ("templat", "template"),
        ("coppy", "copy"),
        ("fiel", "file"),
        ("hostnmae", "hostname"),
        ("Debug", "debug"),
        ("lineinfiel", "lineinfile"),
    ],
)
def test_a_typing_mistake_is_named(word: str, meant: str) -> None:
    assert closest(word, {*module_names.known_modules(), "when"}) == meant


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("timezone", "timeout"),
        ("tempfile", "template"),
        ("archive", "unarchive"),
        ("yum_repository", "apt_repository"),
        ("pip", "ping"),
        ("git", "get"),
        ("expect", "except"),
        ("no", "on"),
        ("at", "apt"),
    ],
)
def test_another_word_is_no_typing_mistake(word: str, other: str) -> None:
    assert closest(word, [other]) is None


def test_the_nearest_of_several_wins() -> None:
    assert closest("kube_pod_subnet", ["kube_pods_subnets", "kube_pods_subnet"]) == "kube_pods_subnet"
    assert hint("kube_pod_subnet", ["kube_pods_subnet"]) == "; did you mean 'kube_pods_subnet'?"
    assert hint("timezone", ["timeout"]) == ""
