"""Domains of devices without values are empty; all other text stays."""

from __future__ import annotations

import pytest

from kprov.kube.scheduler.devices.cel_rewriting import rewrite

_SAME = [
    "a.b == 1",
    "cel.bind(x, a.b, x > 1 && x < 5)",
    'device.attributes[?"d"].orValue({})',
    'other.attributes["d"].x',
    'my.device.attributes["d"].x',
    '"a.?b" + \'device.attributes["d"]\'',
    'a // device.attributes["d"]\n + 1',
    'device.attributes["d"',
    "1.5e-3 <= 0x1Fu && ''' [ ''' != ''",
]


@pytest.mark.parametrize("expression", _SAME)
def test_other_expressions_stay(expression: str) -> None:
    assert rewrite(expression) == expression


@pytest.mark.parametrize(
    ("expression", "rewritten"),
    [
        ('device.attributes["d"].x', 'device.attributes[?"d"].orValue(dyn({})).x'),
        ('device . capacity [ "d" ].x', 'device . capacity [? "d" ].orValue(dyn({})).x'),
        (
            'has(device.attributes["a"].x) || device.capacity["]"].y',
            'has(device.attributes[?"a"].orValue(dyn({})).x) || device.capacity[?"]"].orValue(dyn({})).y',
        ),
        (
            'device.attributes[device.attributes["d"].names[0]].x',
            'device.attributes[?device.attributes[?"d"].orValue(dyn({})).names[0]].orValue(dyn({})).x',
        ),
    ],
)
def test_a_domain_gets_a_default(expression: str, rewritten: str) -> None:
    assert rewrite(expression) == rewritten
