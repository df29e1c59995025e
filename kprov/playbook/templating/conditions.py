"""Conditions such as `when`: expressions whose result must be a boolean."""

from __future__ import annotations

import re
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.parser import Parser

from kprov.inventory.vault.vault_format import Unsafe
from kprov.playbook.templating import plugin_files
from kprov.playbook.templating.filters.filter_table import ALL_FILTERS, REFUSED_FILTERS
from kprov.playbook.templating.jinja_tests.jinja_test_table import ALL_TESTS, REFUSED_TESTS
from kprov.playbook.templating.lazy_containers import is_template
from kprov.playbook.templating.lookups.call import check_lookup
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.undefined import type_name
from kprov.playbook.templating.values import FilterError

_NAME = re.compile(r"[A-Za-z_]\w*")
_ONE_NAME = re.compile(r"\{\{[-+]?\s*([A-Za-z_]\w*)\s*-?\}\}\n?")
_KEYWORDS = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
)


def parse_variable_name(text: str) -> str | None:
    """Return the name of a variable if the expression is nothing else; None otherwise."""
    return text if _NAME.fullmatch(text) and text not in _KEYWORDS else None


def parse_simple_template(text: str) -> str | None:
    """Return the name in a text like `{{ name }}`; None for any other text."""
    match = _ONE_NAME.fullmatch(text)
    return match[1] if match and not text.endswith("\n") and match[1] not in _KEYWORDS else None


def strip_condition(condition: Any) -> str:
    """Return the expression of a condition. Raises FilterError if it is empty or not a text."""
    if isinstance(condition, str):
        condition = condition.strip()
    if condition is None or condition == "":
        raise FilterError("Empty conditional expressions are not allowed.")
    if not isinstance(condition, str):
        raise FilterError(
            f"Conditional expressions must be strings, not {type_name(condition)}; compare it with something"
        )
    return condition


def is_whole_template(text: str) -> bool:
    """Whether the whole condition is in braces."""
    return text.startswith(("{{", "{%", "{#")) and text.endswith(("}}", "%}", "#}"))


def parse_expression(environment: jinja2.Environment, text: str) -> nodes.Expr:
    """Parse an expression. Syntax errors say that it must not have braces."""
    try:
        parser = Parser(environment, text, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            message, line = "chunk after expression", parser.stream.current.lineno
            raise jinja2.TemplateSyntaxError(message, line)
    except jinja2.TemplateSyntaxError as error:
        hint = " Template delimiters are not supported in expressions." if is_template(text) else ""
        raise jinja2.TemplateSyntaxError(
            f"Syntax error in expression: {error.message}.{hint}", error.lineno
        ) from None
    expression.set_environment(environment)
    return expression


def resolve_trusted_expression(environment: jinja2.Environment, text: str, result: str, scope: Scope) -> str:
    """Return the expression that a template renders to; only one that a file contains may be evaluated."""
    for _ in range(20):
        tree = environment.parse(text)
        body = tree.body
        if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
            break
        source = _find_source(body[0].nodes[0], scope)
        if not isinstance(source, str) or isinstance(source, Unsafe):
            break
        if not is_template(source):
            return source
        text = source
    raise FilterError(
        f"Conditional expressions come from files, not from templates that make them ({result!r}); "
        "write the condition without {{ }}"
    )


def _find_source(node: nodes.Node, scope: Scope) -> Any:
    """Return the source of a variable, or of an attribute of one, in a file."""
    if isinstance(node, nodes.Name):
        return scope.find_source(node.name)
    if isinstance(node, nodes.Getattr):
        key: Any = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        key = node.arg.value
    else:
        return None
    inner = _find_source(node.node, scope)
    try:
        return inner[key] if isinstance(inner, (dict, list)) else None
    except (LookupError, TypeError):
        return None


def find_unknown_plugins(tree: nodes.Template) -> list[str]:
    """Return messages about filters, tests and lookups that are unknown or not supported."""
    unknown = []
    tables = (
        ("filter", nodes.Filter, ALL_FILTERS, REFUSED_FILTERS),
        ("test", nodes.Test, ALL_TESTS, REFUSED_TESTS),
    )
    for kind, node_type, plugins, refused in tables:
        for node in tree.find_all(node_type):
            if node.name in plugins and node.name not in refused:
                continue
            if plugin_files.find_plugin(kind, str(node.name)) is not None:
                continue
            if node.name in refused:
                unknown.append(f"the {kind} {node.name!r} is not supported; {refused[node.name]}")
            elif node.name is not None:
                why = plugin_files.describe_failures()
                unknown.append(f"there is no {kind} {node.name!r}" + (f"; {why}" if why else ""))
    for call in tree.find_all(nodes.Call):
        is_lookup = isinstance(call.node, nodes.Name) and call.node.name in ("lookup", "query", "q")
        if is_lookup and call.args and isinstance(call.args[0], nodes.Const):
            try:
                check_lookup(str(call.args[0].value))
            except FilterError as error:
                unknown.append(str(error))
    return unknown


def describe_non_boolean(value: Any) -> str:
    """Return the message for a condition whose result is not a boolean, with a hint."""
    kind = type_name(value)
    hints = {
        "str": "`| bool` for yes and no, `| length > 0` for a text that is not empty",
        "int": "`!= 0`",
        "float": "`!= 0`",
        "list": "`| length > 0`",
        "dict": "`| length > 0`",
        "NoneType": "`is not none`",
    }
    hint = hints.get(kind, "a test or a comparison")
    return (
        f"Conditional result ({bool(value)}) was derived from value of type {kind!r}. "
        f"Conditionals must have a boolean result: append {hint}"
    )
