"""An expression that may take long has no value, whatever the object is."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.component_helpers.cel.bounds import LIMIT_TEXT, Sizes, measure
from kprov.kube.component_helpers.cel.environment import Environment
from kprov.kube.component_helpers.cel.errors import EvaluationError

_ENVIRONMENT = Environment({"object": "dyn"})


def evaluate(expression: str, **fields: Any) -> Any:
    return _ENVIRONMENT.compile(expression).evaluate(_ENVIRONMENT.bind({"object": fields}))


def double(times: int) -> str:
    """An expression whose string is 2 ** times as long as object.text."""
    text = f"v{times - 1}.size()"
    for number in range(times - 1, 0, -1):
        text = f"cel.bind(v{number}, v{number - 1} + v{number - 1}, {text})"
    return f"cel.bind(v0, object.text + object.text, {text})"


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("object.items.map(x, x).size()", {"items": list(range(6_000))}),
        ("object.items.filter(x, true).size()", {"items": list(range(6_000))}),
        ("object.text.split('').map(c, c).size()", {"text": "x" * 6_000}),
        ("object.items.map(x, object.text + 'a').size()", {"items": list(range(1_000)), "text": "x" * 10**5}),
        ("object.text.replace('x', object.text).size()", {"text": "x" * 10**5}),
        ("object.text.replace('', '" + "y" * 1_000 + "').size()", {"text": "x" * 10**5}),
        ("object.items.join(object.text).size()", {"items": ["a"] * 1_000, "text": "x" * 10**5}),
        (double(24), {"text": "x" * 100}),
        ("object.items.distinct().size()", {"items": list(range(6_000))}),
        ("sets.contains(object.items, object.items)", {"items": list(range(6_000))}),
        ("sets.intersects(object.items, object.items)", {"items": list(range(6_000))}),
        ("object.text.findAll('x').size()", {"text": "x" * 20_000}),
        ("object.items.all(x, object.items.all(y, y >= 0))", {"items": list(range(200))}),
    ],
)
def test_an_expression_that_may_take_long_has_no_value(expression: str, fields: dict[str, Any]) -> None:
    with pytest.raises(EvaluationError, match=LIMIT_TEXT):
        evaluate(expression, **fields)


@pytest.mark.parametrize(
    ("expression", "fields", "expected"),
    [
        ("object.items.map(x, x).size()", {"items": list(range(1_000))}, 1_000),
        ("object.items.all(x, x >= 0)", {"items": list(range(9_000))}, True),
        ("object.text.replace('a', 'b').size()", {"text": "a" * 10**6}, 10**6),
        ("object.text.replace('a', object.other).size()", {"text": "a" * 100, "other": "bb"}, 200),
        ("object.items.join(', ').size()", {"items": ["abc"] * 500}, 500 * 5 - 2),
        (double(8), {"text": "x" * 100}, 25_600),
        (" + ".join(["object.text"] * 30) + " != ''", {"text": "x" * 1_000}, True),
        ("object.items.distinct().size()", {"items": ["a", "b"] * 30_000}, 2),
        ("[1, 2, 1.0, {'a': 1}, {'a': 1}].distinct().size()", {}, 3),
        ("sets.contains(object.items, object.items)", {"items": ["a", "b"] * 30_000}, True),
        ("sets.intersects(object.items, ['b'])", {"items": ["a", "b"] * 30_000}, True),
        ("object.text.findAll('x', 3)", {"text": "x" * 20_000}, ["x"] * 3),
    ],
)
def test_other_expressions_have_their_value(expression: str, fields: dict[str, Any], expected: Any) -> None:
    assert evaluate(expression, **fields) == expected


def test_patterns_take_linear_time() -> None:
    """Python's `re` needs 2 ** 40 steps."""
    assert evaluate("object.text.find('(a+)+$')", text="a" * 40 + "b") == ""
    assert evaluate("object.text.findAll('(a|a)+$')", text="a" * 40 + "b") == []


@pytest.mark.parametrize("pattern", ["(", "(a)\\\\1", "a{9999}"])
def test_a_pattern_that_re2_does_not_have_is_an_error(pattern: str) -> None:
    with pytest.raises(EvaluationError, match="Illegal regex"):
        evaluate(f"object.text.find('{pattern}')", text="a")


def test_sizes_are_those_of_the_longest_list_or_map_and_string() -> None:
    assert measure({"object": {"a": [1, 2, [3, 4, 5, 6]], "b": "four", "é": None}}) == Sizes(4, 4)
