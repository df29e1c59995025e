"""Durations as Go reads them."""

from __future__ import annotations

import pytest

from kprov.contract.scheduler.durations import parse


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1m30s", 90.0),
        ("150ms", 0.15),
        ("-2h", -7200.0),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("3µs", 3e-6),
    ],
)
def test_a_duration_is_a_sum_of_numbers_with_units(text: str, seconds: float) -> None:
    assert parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "1m 30s", "1d", "-", "1.s.", "one hour"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse(text)
