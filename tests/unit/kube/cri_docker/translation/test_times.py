"""Docker's times."""

from __future__ import annotations

import pytest

from kprov.kube.cri_docker.translation.times import parse_time


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("2026-11-25T18:44:20.746295441Z", 1_795_632_260_746_295_441),
        ("2026-11-25T18:44:20.5Z", 1_795_632_260_500_000_000),
        ("2026-11-25T20:44:20.5+02:00", 1_795_632_260_500_000_000),
        ("2026-11-25T13:14:20.5-05:30", 1_795_632_260_500_000_000),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        ("yesterday", 0),
    ],
)
def test_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_time(text) == nanoseconds
