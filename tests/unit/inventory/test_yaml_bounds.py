"""Documents that nest too deeply or grow by their aliases are refused with file and line."""

from __future__ import annotations

import pytest

from kprov.errors import InputError
from kprov.inventory import yaml_bounds, yaml_file

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
MERGE_BOMB = "a0: &a0 {k: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 150 + "]" * 150,
        "[" * 3_000 + "]" * 3_000,
        # Without the check of the text libyaml's composer ends the process here.
        "[" * 200_000 + "]" * 200_000,
        "{a: " * 200_000 + "1" + "}" * 200_000,
        "- " * 200_000 + "x",
        "\n".join(" " * i + "a:" for i in range(3_000)),
    ],
    ids=["150", "3000", "lists", "mappings", "blocks", "indented"],
)
def test_levels_beyond_the_limit_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^f\.yml:[0-9]+: YAML: .*more than 100 levels deep"):
        yaml_file.parse_yaml(text, "f.yml")
    with pytest.raises(yaml_bounds.BoundsError):
        yaml_bounds.load_plain(text)


def test_levels_within_the_limit_are_read() -> None:
    value = yaml_file.parse_yaml("[" * 99 + "1" + "]" * 99, "f.yml")
    for _ in range(99):
        (value,) = value
    assert value == 1


@pytest.mark.parametrize("text", [BOMB, MERGE_BOMB], ids=["lists", "merges"])
def test_aliases_of_aliases_are_refused(text: str) -> None:
    with pytest.raises(
        InputError, match=r"^f\.yml:[0-9]+: YAML: aliases make this value larger than 1,000,000"
    ):
        yaml_file.parse_yaml(text, "f.yml")
    with pytest.raises(yaml_bounds.BoundsError):
        yaml_bounds.load_plain(text)


def test_a_document_may_repeat_aliases() -> None:
    text = "base: &base {x: 1}\n" + "".join(f"c{i}: {{<<: *base, y: {i}}}\n" for i in range(1000))
    assert yaml_file.parse_yaml(text, "f.yml")["c999"] == {"x": 1, "y": 999}


def test_a_value_that_contains_itself_is_refused() -> None:
    with pytest.raises(InputError, match="recursive"):
        yaml_file.parse_yaml("a: &a [*a]", "f.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{1: a, true: b}", "true: the key equals 1 of line 1 in a mapping; quote one"),
        ("{1: a, 1.0: b}", "1.0: the key equals 1 of line 1"),
        ("{yes: a, true: b}", "true: the key is a duplicate of line 1"),
    ],
)
def test_keys_that_are_equal_only_in_a_mapping_are_no_duplicates(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        yaml_file.parse_yaml(text, "f.yml")


def test_a_control_character_is_named_with_its_line() -> None:
    with pytest.raises(InputError, match=r"^f\.yml:2: YAML: the character #x0000 is not allowed"):
        yaml_file.parse_yaml("a: 1\nb: \0\n", "f.yml")


def test_deep_json_is_an_error_of_the_text() -> None:
    with pytest.raises(ValueError, match="more than 100 levels"):
        yaml_bounds.load_json("[" * 100_000)
