"""Expressions whose value would exhaust the machine fail, with the reason; ordinary ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.playbook.templating import bounds
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError
from tests.unit.inventory.test_yaml_bounds import BOMB


def render(text: str, **variables: object) -> object:
    templar = Templar()
    return templar.render(text, Scope(templar, [Layer(variables)]))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("range(10**9) | list", "more than 1,000,000 entries"),
        ("range(10**30)", "more than 1,000,000 entries"),
        ("'x' * 99999999999", "more than 67,108,864 characters"),
        ("99999999999 * 'x'", "more than 67,108,864 characters"),
        ("[0] * 9999999999", "more than 1,000,000 entries"),
        ("10 ** 5000", "more than 4300 digits"),
        ("10 ** (10 ** 10)", "more than 4300 digits"),
        ("(10 ** 4000) * (10 ** 4000)", "more than 4300 digits"),
        ("'x'.ljust(9999999999)", "9,999,999,999 is too large for ljust"),
        ("'x' | center(9999999999)", "9,999,999,999 is too large for center"),
        ("'x' | indent(9999999999, true)", "is too large for indent"),
        ("'%9999999999d' % 1", "a width in the format is too large"),
        ("'%9999999999d' | format(1)", "a width in the format is too large"),
        ("'{:9999999999}'.format(1)", "a width in the format is too large"),
        ("'%*d' % (9999999999, 1)", "9,999,999,999 is too large for format"),
        ("'%.*f' | format(9999999999, 1.0)", "9,999,999,999 is too large for format"),
        ("'{:{}}'.format(1, 9999999999)", "9,999,999,999 is too large for format"),
        ("'{:{w}}'.format(1, w=9999999999)", "9,999,999,999 is too large for format"),
        ("'{:{}}'.format(1, '9999999999')", "a width in the format is too large"),
        ("'x'.expandtabs(tabsize=9999999999)", "9,999,999,999 is too large for expandtabs"),
        ("'x' | center(width=9999999999)", "9,999,999,999 is too large for center"),
        ("('a' * 1000000).replace('a', 'b' * 1000)", "more than 67,108,864 characters"),
        ("('a' * 1000000) | replace('a', 'b' * 1000)", "more than 67,108,864 characters"),
        ("range(100000) | join('x' * 1000000)", "more than 67,108,864 characters"),
        ("range(10000) | product(range(10000))", "more than 1,000,000 entries"),
        ("lipsum(n=99999999)", "99,999,999 is too large for lipsum"),
        ("range(20) | permutations", "more than 1,000,000 entries"),
        ("lookup('sequence', 'end=999999999')", "more than 1,000,000 entries"),
        ("('[' * 3000 ~ ']' * 3000) | from_yaml", "nested more than 100 levels"),
        ("('[' * 100000) | from_json", "nested more than 100 levels"),
        ("bomb | from_yaml", "aliases make this value larger"),
    ],
)
def test_an_expression_without_bounds_fails(expression: str, reason: str) -> None:
    with pytest.raises(TemplatingError, match=reason):
        render("{{ " + expression + " }}", bomb=BOMB)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 ** 64", 2**64),
        ("2 ** 0.5", 2**0.5),
        ("(-1) ** 10001", -1),
        ("10 ** -2", 0.01),
        ("'ab' * 3", "ababab"),
        ("[1, 2] * 2", [1, 2, 1, 2]),
        ("7 % 4", 3),
        ("'%05d' % 7", "00007"),
        # Ids of etcd's members, which the role etcd prints.
        ("'%x' | format(5740091226577609118)", "4fa8e68eea7ea19e"),
        ("'%x' % 5740091226577609118", "4fa8e68eea7ea19e"),
        ("'{:x} {{}}'.format(5740091226577609118)", "4fa8e68eea7ea19e {}"),
        ("'%*d' % (3, 7)", "  7"),
        ("'%s' | format('12345678')", "12345678"),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("range(3) | list", [0, 1, 2]),
        ("'x'.ljust(3)", "x  "),
        ("range(2) | product(range(2)) | list", [[0, 0], [0, 1], [1, 0], [1, 1]]),
        ("'a: [1]' | from_yaml", {"a": [1]}),
    ],
)
def test_an_ordinary_expression_has_its_value(expression: str, value: object) -> None:
    assert render("{{ " + expression + " }}") == value


def test_the_loops_of_a_template_have_a_limit_of_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0.05)
    nested = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplatingError, match=r"took more than 0\.05 s"):
        render(nested)
    file = tmp_path / "t.j2"
    file.write_text(nested)
    templar = Templar()
    with pytest.raises(TemplatingError, match=r"t\.j2:1: the loops of the template took more than"):
        templar.render_file(file, Scope(templar, []), ())
    # The next template has its own time.
    assert render("{% for a in range(3) %}{{ a }}{% endfor %}") == "012"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{% for a in 'xyz' %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}",
            "1/3,2/3,3/3",
        ),
        ("{% for a in [1, 2, 3, 4] if a is odd %}{{ a }}/{{ loop.length }} {% endfor %}.", "1/2 3/2 ."),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% else %}none{% endfor %}", "a1"),
        ("{% for a in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for a in [[1, [2]]] recursive %}{{ a if a is number else loop(a) }}{% endfor %}", "12"),
    ],
)
def test_loops_work_as_before(template: str, text: str) -> None:
    assert str(render(template)) == text


def test_a_loop_over_an_undefined_variable_names_it() -> None:
    with pytest.raises(TemplatingError, match="'nosuch' is undefined"):
        render("{% for a in nosuch %}{{ a }}{% endfor %}")
