"""Templates: native values, lazy variables, Ansible's filters and tests."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError

VARIABLES: dict[str, Any] = {
    "n": 2, "twice": "{{ n * 2 }}", "names": ["b", "a"], "text": "n is {{ twice }}", "broken": "{{ nothing }}", "loop_a": "{{ loop_b }}",
    "loop_b": "{{ loop_a }}", "hinted": "{{ undef(hint='give it') }}", "tree": {"x": {"y": "{{ n }}"}},
}  # fmt: skip


def value(text: Any) -> Any:
    templar = Templar()
    return templar.render(
        text, Scope(templar, [Layer({"raw": "{{ not a template }}"}, raw=True), Layer(VARIABLES)])
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ twice }}", 4), ("{{ text }}", "n is 4"), ("{{ names | sort }}", ["a", "b"]), ("{{ raw }}", "{{ not a template }}"),
        ("{{ broken | default('d') }}", "d"), ("{{ hinted | default(1) }}", 1), ("{{ tree.x.y }}", 2), ("{{ n == 2 }}", True),
        ("{{ {'a': 1} | combine({'b': {'c': 2}}) }}", {"a": 1, "b": {"c": 2}}), ("{{ {'a': 1} | dict2items }}", [{"key": "a", "value": 1}]),
        ("{{ 'x-12' | regex_replace('^.*-([0-9]+)$', '\\1') }}", "12"), ("{{ 'aGk=' | b64decode }}", "hi"), ("{{ '1.10' is version('1.9', '>=') }}", True),
        ("{{ ['a', 'b'] | difference(['b']) }}", ["a"]), ("{{ [[1], [2, [3]]] | flatten }}", [1, 2, 3]), ("{{ '10.0.0.5/24' | ipaddr('network') }}", "10.0.0.0"),
        ("{{ 'yes' | bool | ternary('on', 'off') }}", "on"), ("{{ {'b': 1} | to_json }}", '{"b": 1}'), ("{{ 'x' | hash('sha256') | length }}", 64),
        ("{% for name in names %}\n{{ name }}\n{% endfor %}\n", "b\na\n"), ("{{ names | map('upper') | list }}", ["B", "A"]),
        ("{{ '/a/b.c' | basename }}", "b.c"), ("plain", "plain"), ({"k": ["{{ n }}"]}, {"k": [2]}),
    ],
)  # fmt: skip
def test_values(text: Any, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ nothing.at.all }}", "'nothing' is undefined, in '{{ nothing.at.all }}'"), ("{{ hinted }}", "give it"),
        ("x {{ broken }}", "'nothing' is undefined"), ("{{ loop_a }}", "loop_a > loop_b > loop_a"), ("{{ 1 +", "unexpected"),
        ("{{ lookup('nowhere') }}", "lookup 'nowhere' is not supported"),
    ],
)  # fmt: skip
def test_errors_name_the_expression(text: str, message: str) -> None:
    with pytest.raises(TemplatingError) as caught:
        value(text)
    assert message in str(caught.value)
