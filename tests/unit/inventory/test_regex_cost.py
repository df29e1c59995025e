"""The bound of steps grows with the ways in which a pattern can match."""

from __future__ import annotations

import math

import pytest

from kprov.inventory.regex_cost import find_cost


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        ("abc", 11),
        ("a+", 11 * 10),
        ("a*b*", 11 * 11 * 11),
        ("(?:ab|cd)", 11 * 2),
        ("a{3}", 11),
        ("(a+)?", 11 * 11),
        (r"(a)\1", 11 * 11),
        ("(?=a+)b", 11 * 11),
        ("(?>a+)b", 11 * 10),
        ("(a+)+", math.inf),
        ("(a|b|cd)*", math.inf),
        ("(a?){30}", math.inf),
        ("a" * 2000, math.inf),
        ("(" * 2000, math.inf),
    ],
)
def test_steps_of_a_pattern_on_ten_characters(pattern: str, steps: float) -> None:
    assert find_cost(pattern, 0, 10) == steps
