"""Sections of a configuration file: their fields are read strictly, and all mistakes are named."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

import pytest

from kprov.contract.scheduler.sections import Section, SectionError, get_spelling, read


class Part(Section):
    part_name: str
    weight: float | None = None


class Whole(Section):
    count: int = 1
    is_on: bool = False
    mode: Literal["A", "B"] = "A"
    parts: list[Part] = field(default_factory=list)
    anything: dict[str, Any] = field(default_factory=dict)


def test_a_document_becomes_a_section_with_defaults() -> None:
    document = {"count": 3, "parts": [{"partName": "a", "weight": 1}, {"partName": "b", "weight": None}]}
    assert read(Whole, document) == Whole(
        count=3, parts=[Part(part_name="a", weight=1), Part(part_name="b", weight=None)]
    )
    assert read(Whole, {}).parts is not read(Whole, {}).parts


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ([], ["Expected `object`, got `array`"]),
        ({"part_name": 1}, ["Object contains unknown field `part_name`"]),
        ({"count": "3"}, ["count: Expected `int`, got `str`"]),
        ({"count": True}, ["count: Expected `int`, got `bool`"]),
        ({"count": 1.5}, ["count: Expected `int`, got `float`"]),
        ({"isOn": 1}, ["isOn: Expected `bool`, got `int`"]),
        ({"mode": "C"}, ["mode: Invalid enum value 'C'"]),
        ({"mode": []}, ["mode: Invalid enum value []"]),
        ({"parts": {}}, ["parts: Expected `array`, got `object`"]),
        ({"parts": None}, ["parts: Expected `array`, got `null`"]),
        ({"anything": []}, ["anything: Expected `object`, got `array`"]),
        (
            {"x": 1, "parts": [{}, {"partName": 1, "weight": True}]},
            [
                "Object contains unknown field `x`",
                "parts[0]: Object missing required field `partName`",
                "parts[1].partName: Expected `str`, got `int`",
                "parts[1].weight: Expected `float`, got `bool`",
            ],
        ),
    ],
)
def test_all_mistakes_are_named_with_their_fields(document: Any, problems: list[str]) -> None:
    with pytest.raises(SectionError) as caught:
        read(Whole, document)
    assert caught.value.problems == problems


def test_a_message_begins_with_the_place_of_the_document() -> None:
    with pytest.raises(
        SectionError, match=r"^\[1\]\.parts\[0\]: Object contains unknown field `a`, \[1\]\.parts"
    ):
        read(Whole, {"parts": [{"a": 1}]}, "[1]")


@pytest.mark.parametrize(("name", "spelling"), [("pre_bind", "preBind"), ("enable_https", "enableHTTPS")])
def test_fields_are_spelled_as_upstream_does(name: str, spelling: str) -> None:
    assert get_spelling(name) == spelling
