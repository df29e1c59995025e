"""A local is a noun that says what it holds: `pod`, `rule`, `match`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: Names that say nothing about what they hold.
EMPTY_NAMES = frozenset({"each", "found", "given", "one"})
_WORD = re.compile(rf"\b(?:{'|'.join(sorted(EMPTY_NAMES))})\b")


def get_bound_name(node: ast.AST) -> str | None:
    """Return the name that a node itself binds, None if it binds none."""
    match node:
        case ast.Name(ctx=ast.Store()):
            return node.id
        case ast.arg():
            return node.arg
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
            return node.name
        case ast.MatchMapping():
            return node.rest
        case ast.alias():
            return node.asname
        case _:
            return None


def find_bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each binding with an empty name."""
    for node in ast.walk(tree):
        name = get_bound_name(node)
        if name in EMPTY_NAMES:
            yield getattr(node, "lineno", 0), name


def test_a_local_says_what_it_holds() -> None:
    empty = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / "kprov").rglob("*.py"))
        if _WORD.search(source := path.read_text(encoding="utf-8"))  # parsing takes longer
        for line, name in find_bindings(ast.parse(source))
    ]
    assert empty == [], "name each of these after what it holds"


@pytest.mark.parametrize(
    "source",
    [
        "{} = 1",
        "{}: int = 1",
        "{} += 1",
        "a, (b, *{}) = c",
        "(a := b, {} := c)",
        "for {} in a: pass",
        "async def f():\n  async for {} in a: pass",
        "[{0} for {0} in a]",
        "{{a: {0} for a, {0} in b}}",
        "with a as {}: pass",
        "try: pass\nexcept a as {}: pass",
        "import a as {}",
        "lambda {}: a",
        "def f({}, /): pass",
        "def f(*, {}=1): pass",
        "def f(*{}): pass",
        "def f(**{}): pass",
        "match a:\n  case {}: pass",
        "match a:\n  case [*{}]: pass",
        "match a:\n  case {{'a': 1, **{}}}: pass",
    ],
)
def test_any_kind_of_binding_counts(source: str) -> None:
    assert {name for _, name in find_bindings(ast.parse(source.format("found")))} == {"found"}
    assert list(find_bindings(ast.parse(source.format("pod")))) == []


@pytest.mark.parametrize("source", ["a.found", "f(found=1)", "found", "{'found': 1}", "a.found = 1"])
def test_a_use_of_a_name_is_no_binding(source: str) -> None:
    assert list(find_bindings(ast.parse(source))) == []
