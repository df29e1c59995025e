"""Template files: settings, includes, imports, and where an error is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import Templar, TemplatingError
from kprov.playbook.templating.template_variables import make_template_variables


def rendered(folder: Path, text: str, **overrides: Any) -> str:
    (folder / "main.j2").write_text(text)
    templar = Templar()
    scope = Scope(templar, [Layer({"n": 1, "items_": [1, 2], "name": "x{{ n }}", "flag": True})])
    return templar.render_file(folder / "main.j2", scope, (), overrides)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {{ n }}\n{% for i in items_ %}\n- {{ i }}\n{% endfor %}\n\n", "a 1\n- 1\n- 2\n\n"),
        ("{{ items_ }}\n", "[1, 2]"),
        ("{% if not flag %}x{% endif %}\n", ""),
        ("#jinja2: variable_start_string: '[%', variable_end_string: '%]'\n[% n %] {{ n }}\n", "1 {{ n }}\n"),
        ("#jinja2:lstrip_blocks: True\n  {% if flag %}\n  x\n  {% endif %}\n", "  x\n"),
        ("{{ 'x1' | regex_replace('(x)', '\\\\1-') }}\n", "x-1\n"),
        ("{% set local = 'L' %}{% include 'inc.j2' %}\n", "inc x1 L\n"),
        ("{% from 'lib.j2' import greet %}{{ greet('a') }}\n", "hi a\n"),
        ("{% from 'lib.j2' import who with context %}{{ who() }}\n", "x1\n"),
        ("{% extends 'base.j2' %}{% block body %}child {{ super() }}{% endblock %}", "top child x1 end"),
    ],
)
def test_a_file_is_rendered(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "inc.j2").write_text("inc {{ name }} {{ local }}\n")
    (tmp_path / "lib.j2").write_text(
        "{% macro greet(a) %}hi {{ a }}{% endmacro %}{% macro who() %}{{ name }}{% endmacro %}"
    )
    (tmp_path / "base.j2").write_text("top {% block body %}{{ name }}{% endblock %} end\n")
    assert rendered(tmp_path, text) == expected


def test_line_ends_and_marks_are_settings_of_the_task(tmp_path: Path) -> None:
    assert (
        rendered(
            tmp_path,
            "a << n >>\nb\n",
            variable_start_string="<<",
            variable_end_string=">>",
            newline_sequence="\r\n",
        )
        == "a 1\r\nb\r\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ok\n{{ nope }}\n", "main.j2:2: 'nope' is undefined"),
        (
            "{% for i in items_ %}\n{{ i.x.y }}\n{% endfor %}",
            "main.j2:2: object of type 'int' has no attribute 'x'",
        ),
        ("ok\n{% include 'bad.j2' %}", "bad.j2:3: unsupported operand"),
        ("ok\n\n{% if %}", "main.j2:3: Expected an expression"),
        ("#jinja2: nope: 1\n", "main.j2: 'nope: 1' is not a setting"),
        ("{% include 'nowhere.j2' %}", "nowhere.j2"),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.j2").write_text("1\n2\n{{ 1 + 'a' }}")
    with pytest.raises(TemplatingError) as caught:
        rendered(tmp_path, text)
    assert message in str(caught.value)


def test_what_a_template_knows_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.j2"
    path.write_text("")
    found = make_template_variables(path, "sub/a.j2", "/etc/a")
    assert (found["template_path"], found["template_fullpath"], found["template_destpath"]) == (
        "sub/a.j2",
        str(path),
        "/etc/a",
    )
    assert found["ansible_managed"] == "Ansible managed"
    assert "ansible_managed" not in make_template_variables(path, "a.j2", managed=False)


def test_an_import_without_context_is_not_kept_between_hosts(tmp_path: Path) -> None:
    (tmp_path / "lib.j2").write_text("{% set host = lookup('vars', 'who') %}")
    (tmp_path / "main.j2").write_text("{% import 'lib.j2' as lib %}{{ lib.host }}")
    templar = Templar()
    for name in ("one", "two"):
        assert templar.render_file(tmp_path / "main.j2", Scope(templar, [Layer({"who": name})]), ()) == name
