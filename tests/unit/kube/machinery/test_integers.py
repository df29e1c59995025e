"""Integers of any number of digits."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.integers import is_int64, parse_clamped


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+007", 7),
        ("-12", -12),
        ("0" * 9_999 + "5", 5),
        ("-" + "0" * 9_999 + "5", -5),
        ("99999999999999999999", 99999999999999999999),
        ("9" * 5_000, 1 << 65),
        ("-" + "9" * 5_000, -(1 << 65)),
    ],
)
def test_an_integer_is_read_without_an_error(text: str, number: int) -> None:
    assert parse_clamped(text) == number


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("9223372036854775807", True),
        ("9223372036854775808", False),
        ("-9223372036854775808", True),
        ("-9223372036854775809", False),
        ("0" * 9_999 + "5", True),
        ("9" * 5_000, False),
    ],
)
def test_an_integer_fits_64_bits_or_not(text: str, fits: bool) -> None:
    assert is_int64(text) is fits
