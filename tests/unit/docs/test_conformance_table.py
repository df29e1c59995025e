"""docs/conformance.md says what the marked tests are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.apiserver.conformance.operations import KINDS
from tests.apiserver.conformance.subresources import COLLECTIONS, SCALES, STATUSES
from tests.apiserver.conformance.table import entries

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests/apiserver"
ROW = re.compile(r"\| (.+?) \| (`.+?`) \| (\S+(?: \S+)?) \| (.*) \|")


def rows() -> dict[str, tuple[list[str], str]]:
    """entry > (tests, seen)"""
    found = {}
    for line in (ROOT / "docs/conformance.md").read_text(encoding="utf-8").splitlines():
        if match := ROW.fullmatch(line):
            found[match[1]] = (re.findall(r"`(.+?)`", match[2]), match[3])
    return found


def marked() -> set[str]:
    """Entries of marks that are written out, and of the tables that tests are made of."""
    found = {row.entry for table in (KINDS, COLLECTIONS, SCALES, STATUSES) for row in table}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.entry":
                (name,) = node.args
                if isinstance(name, ast.Constant):
                    found.add(str(name.value))
    return found


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_marked_entry_is_upstreams_and_in_the_table() -> None:
    assert marked() - set(entries()) == set()
    assert set(rows()) == marked()


def test_every_test_of_the_table_is_there_and_passed() -> None:
    for entry, (tests, seen) in rows().items():
        assert seen == "passed", entry
        for each in tests:
            file, _, function = each.partition("::")
            assert function in functions(TESTS / file), each
