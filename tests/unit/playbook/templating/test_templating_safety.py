"""Templates cannot evaluate results or change variables; some problems are found before they are rendered."""

from __future__ import annotations

import pytest

from kprov.playbook.templating.filters.filter_table import REFUSED_FILTERS
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError


def scope() -> Scope:
    result = {"stdout": "1 == 1", "list": [1]}
    files = {
        "written": "n == 1",
        "again": "{{ written }}",
        "made": "{{ result.stdout }}",
        "n": 1,
        "list": [1],
        "tree": {"a": [1]},
    }
    return Scope(Templar(), [Layer({"result": result}, raw=True), Layer(files)])


@pytest.mark.parametrize("condition", ["{{ written }}", "{{ again }}", "{{ n == 1 }}"])
def test_a_condition_of_a_file_may_stand_in_a_variable(condition: str) -> None:
    found = scope()
    assert found.templar.evaluate_condition(condition, found)


@pytest.mark.parametrize("condition", ["{{ result.stdout }}", "{{ made }}", "{{ n }} == 1", "{{ 'n == 1' }}"])
def test_a_result_is_never_evaluated(condition: str) -> None:
    found = scope()
    with pytest.raises(TemplatingError, match=r"come from files|Template delimiters"):
        found.templar.evaluate_condition(condition, found)


@pytest.mark.parametrize(
    "text", ["{{ list.append(2) }}", "{{ tree.a.append(2) }}", "{{ result.list.append(2) }}"]
)
def test_a_template_changes_no_variable(text: str) -> None:
    found = scope()
    found.templar.render(text, found)
    again = Scope(found.templar, found.layers)
    assert found.templar.render("{{ [list, tree.a, result.list] }}", again) == [[1], [1], [1]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ x | win_basename }}", "the filter 'win_basename' is not supported; hosts are Linux"),
        ("{{ x | nosuch }}", "there is no filter 'nosuch'"),
        ("{{ x is nosuch }}", "there is no test 'nosuch'"),
        ("{{ query('config', 'x') }}", "the lookup 'config' is not supported; there are no settings"),
        ("{{ 1 + }}", "unexpected 'end of print statement'"),
    ],
)
def test_problems_are_reported_before_a_template_is_rendered(text: str, problem: str) -> None:
    assert [found[: len(problem)] for found in Templar().find_problems(text)] == [problem]


def test_what_is_refused_says_so_when_it_is_used() -> None:
    found = scope()
    for name, instead in REFUSED_FILTERS.items():
        with pytest.raises(TemplatingError) as caught:
            found.templar.render("{{ n | " + name + " }}", found)
        assert instead in str(caught.value)


def test_variables_of_hosts_are_mappings_without_inner_attributes() -> None:
    found = scope()
    above = found.extend({"hostvars": {"h": found}})
    texts = [
        "{{ hostvars.h.get('n') }}",
        "{{ 'n' in vars.keys() }}",
        "{{ hostvars.h.layers | default('none') }}",
        "{{ vars.items() | length > 3 }}",
    ]
    assert [found.templar.render(text, above) for text in texts] == [1, True, "none", True]


def test_no_problem_is_no_problem() -> None:
    assert Templar().find_problems("x == 1 and y is defined", condition=True) == []
    assert Templar().find_problems("plain") == []
