"""Redirects of a backend."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.streaming import forward


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/login?x=1", "/proxy/login?x=1"),
        ("http://10.1.0.7:80/a", "/proxy/a"),
        ("http://elsewhere/a", "http://elsewhere/a"),
        ("next", "next"),
        ("/proxy/a", "/proxy/a"),
        ("/next/", "/proxy/next/"),
        ("http://api:6443/a", "http://api:6443/proxy/a"),
    ],
)
def test_redirects_within_the_backend_go_through_the_proxy(location: str, expected: str) -> None:
    assert forward.rewrite_location(location, "10.1.0.7:80", "api:6443", "/proxy") == expected
