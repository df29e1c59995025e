"""Differences of two JSON values, as refused updates show them."""

from kprov.kube.machinery.json_difference import describe_difference


def test_a_difference_shows_changed_lines_and_three_around_them() -> None:
    old, new = {"name": "e", "image": "a", "command": ["x"]}, {"name": "e", "image": "b", "command": ["x"]}
    assert describe_difference(old, new) == (
        '@@ -2,6 +2,6 @@\n  "command": [\n   "x"\n  ],\n- "image": "a",\n+ "image": "b",\n  "name": "e"\n }\n'
    )


def test_equal_values_have_no_difference() -> None:
    assert describe_difference({"a": 1}, {"a": 1}) == ""
