"""CEL that the library does not parse is rewritten; all other text stays."""

from __future__ import annotations

import pytest

from kprov.kube.scheduler.devices.cel_rewriting import rewrite


@pytest.mark.parametrize(
    ("expression", "rewritten"),
    [
        ("a.b == 1", "a.b==1"),
        ("cel.bind(x, a.b, x > 1 && x < 5)", "[a.b].map(x,x>1&&x<5)[0]"),
        ("cel.bind(x, f(1, 2), cel.bind(y, x, x + y))", "[f(1,2)].map(x,[x].map(y,x+y)[0])[0]"),
        ("a.?b.orValue(0)", 'a.optionalField("b").orValue(0)'),
        ('a[?"b"].?c', 'a.optionalField("b").optionalField("c")'),
        ('device.attributes["d"].x', 'device.attributes.domain("d").x'),
        ('device.capacity["d"].x', 'device.capacity.domain("d").x'),
        ('other.attributes["d"].x', 'other.attributes["d"].x'),
        ('"a.?b" + \'device.attributes["d"]\'', '"a.?b"+\'device.attributes["d"]\''),
        ("cel.bind(x, 1)", "cel.bind(x,1)"),
        ("(a", "(a"),
        ("a // .?b", "a"),
        ("1.5e-3 <= 0x1Fu", "1.5e-3<=0x1Fu"),
    ],
)
def test_expressions(expression: str, rewritten: str) -> None:
    assert rewrite(expression).replace(" ", "") == rewritten
