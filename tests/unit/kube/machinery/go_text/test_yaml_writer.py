"""Documents as YAML, beside what upstream writes of the same ones."""

from __future__ import annotations

import pytest
import yaml

from kprov.kube.machinery.go_text import yaml_writer


@pytest.mark.parametrize(
    ("text", "written"),
    [
        *((text, f'"{text}"') for text in ("1e3", "y", "N", "yes", "OFF", "", "12", "0x1F", "1:30", "null", "true")),
        *((text, f'"{text}"') for text in ("2020-01-01T00:00:00Z", "2020-01-01", ".inf", "1_000", "017")),
        *((text, text) for text in ("a", "v1", "1.2.3", "a:b", "a b", "\u00fc", "e1", "nan")),
        *((text, f"'{text}'") for text in (": x", "a #b", "-", "*a", "{a}", "trail ")),
        ("l1\nl2\n", "|\n  l1\n  l2"),
        ("l1\nl2", "|-\n  l1\n  l2"),
        ("a\tb", '"a\\tb"'),
    ],
)  # fmt: skip
def test_yaml_quotes_strings_that_look_like_another_type(text: str, written: str) -> None:
    assert yaml_writer.dumps({"k": text}) == f"k: {written}\n"
    assert yaml.safe_load(yaml_writer.dumps({"k": text})) == {"k": text}


def test_yaml_writes_repeated_values_without_anchors() -> None:
    part = {"a": [1, None]}
    assert "&" not in yaml_writer.dumps({"x": part, "y": [part, part]})
