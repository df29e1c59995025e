"""Expressions and conditions with the values that ansible-core gives them, from templating_tables/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.playbook.templating.filters.yaml_json import to_json
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError

_FOLDER = Path(__file__).parent / "templating_tables"
_TABLES: dict[str, Any] = {
    path.stem: yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(_FOLDER.glob("*.yml"))
}
_TEMPLAR = Templar()
_AT_ONCE = 30


def scope(table: str) -> Scope:
    return Scope(_TEMPLAR, [Layer(_TABLES[table]["variables"])])


def cases(kind: str) -> list[Any]:
    """Some cases at once: a test of its own for each would take longer than the cases."""
    return [
        pytest.param(name, table[kind][start : start + _AT_ONCE], id=f"{name}-{start}")
        for name, table in _TABLES.items()
        for start in range(0, len(table.get(kind, ())), _AT_ONCE)
    ]


@pytest.mark.parametrize(("table", "some"), cases("values"))
def test_expressions_have_the_values_that_ansible_gives_them(table: str, some: list[Any]) -> None:
    # By way of JSON, as the tables were made: keys are texts there, times are texts.
    found = [[text, yaml.safe_load(to_json(_TEMPLAR.render(text, scope(table))))] for text, _ in some]
    assert found == some


@pytest.mark.parametrize(
    ("table", "some"), [case for case in cases("fails") if case.values[0] != "conditions"]
)
def test_what_fails_in_ansible_fails_with_the_expression(table: str, some: list[str]) -> None:
    for text in some:
        with pytest.raises(TemplatingError, match=r"in ['\"]"):
            _TEMPLAR.render(text, scope(table))


@pytest.mark.parametrize(("table", "some"), cases("met"))
def test_conditions_are_met(table: str, some: list[Any]) -> None:
    assert [one for one in some if not _TEMPLAR.evaluate_condition(one, scope(table))] == []


@pytest.mark.parametrize(("table", "some"), cases("unmet"))
def test_conditions_are_not_met(table: str, some: list[Any]) -> None:
    assert [one for one in some if _TEMPLAR.evaluate_condition(one, scope(table))] == []


@pytest.mark.parametrize("case", _TABLES["conditions"]["fails"])
def test_a_condition_that_is_no_boolean_is_refused(case: Any) -> None:
    with pytest.raises(TemplatingError, match="when: "):
        _TEMPLAR.evaluate_condition(case, scope("conditions"))
