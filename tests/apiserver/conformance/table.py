"""docs/conformance.md, written from what a run of the tests saw; a pytest plugin:

python -m pytest tests/apiserver -m entry -p tests.apiserver.conformance.table --conformance-table=docs/conformance.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ENTRIES = Path(__file__).with_name("entries.txt")
_HEAD = """# The API server and upstream's conformance list

Written by `tests/apiserver/conformance/table.py` from a run of `tests/apiserver`; not edited by
hand. An entry is one of upstream's 446 of 1.36 (`entries.txt` beside the script). Its test follows
the steps of the entry's description. *seen* is the result of that run, *without* names parts of a
cluster that the test does without; upstream's suite on a whole cluster covers those.
`tests/unit/docs/test_conformance_table.py` fails when a marked test and this table differ.
"""
#: The groups whose entries an API server can answer for by itself.
_OURS = ("api-machinery", "auth", "instrumentation", "architecture")


@dataclass(slots=True)
class Seen:
    """What came of the tests of an entry. tests: file::function; without: what stood aside."""

    tests: dict[str, None] = field(default_factory=dict)
    without: dict[str, None] = field(default_factory=dict)
    outcomes: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        order = ("failed", "skipped", "passed")
        return next((each for each in order if each in self.outcomes), "not run")


def entries() -> dict[str, str]:
    """Upstream's entries: name > special interest group."""
    rows = (line.split(" | ") for line in ENTRIES.read_text(encoding="utf-8").splitlines())
    return {name: group for group, _, name in rows}


def document(seen: Mapping[str, Seen]) -> str:
    return "\n".join((_HEAD, *_table(seen), *_missing(seen), ""))


def _table(seen: Mapping[str, Seen]) -> Iterator[str]:
    yield f"{len(seen)} entries have a test here.\n"
    yield "| entry | test | seen | without |\n|---|---|---|---|"
    for name in entries():
        if name in seen:
            found = seen[name]
            tests = "<br>".join(f"`{each}`" for each in found.tests)
            yield f"| {name} | {tests} | {found.text} | {'; '.join(found.without)} |"


def _missing(seen: Mapping[str, Seen]) -> Iterator[str]:
    yield "\n## Entries of " + ", ".join(_OURS) + " without a test here\n"
    for name, group in entries().items():
        if group in _OURS and name not in seen:
            yield f"- {name}"


class Recorder:
    """Collects outcomes by entry."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks: dict[str, Sequence[pytest.Mark]] = {}
        self._seen: dict[str, Seen] = defaultdict(Seen)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        known = entries()
        for item in items:
            self._marks[item.nodeid] = marks = list(item.iter_markers("entry"))
            for mark in marks:
                if mark.args[0] not in known:
                    raise pytest.UsageError(f"{item.nodeid}: no such entry: {mark.args[0]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        for mark in self._marks.get(report.nodeid, ()):
            found = self._seen[mark.args[0]]
            found.tests[report.nodeid.partition("[")[0].removeprefix("tests/apiserver/")] = None
            found.outcomes.add(report.outcome)
            if without := mark.kwargs.get("without"):
                found.without[without] = None

    def pytest_sessionfinish(self) -> None:
        for found in self._seen.values():
            found.tests = dict(sorted(found.tests.items()))
            found.without = dict(sorted(found.without.items()))
        self._path.write_text(document(self._seen), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--conformance-table", type=Path, help="the file to write")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--conformance-table")
    if path is not None:
        config.pluginmanager.register(Recorder(path))
