"""Check the templates of a task for unknown filters, tests and lookups when the file is loaded.

A cheap search for names comes first; only a text with an unknown name is parsed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.playbook.templating.filters.filter_table import ALL_FILTERS
from kprov.playbook.templating.jinja_tests.jinja_test_table import ALL_TESTS
from kprov.playbook.templating.lookups.lookup_table import LOOKUPS
from kprov.playbook.templating.templar import Templar

_CONDITIONS = ("when", "changed_when", "failed_when", "until")
_FILTER = re.compile(r"\|\s*([A-Za-z_][\w.]*)")
_TEST = re.compile(r"\bis\s+(?:not\s+)?([A-Za-z_][\w.]*)")
_LOOKUP = re.compile(r"\b(?:lookup|query|q)\(\s*['\"]([\w.]+)['\"]")


@functools.cache
def _shared_templar() -> Templar:
    return Templar()


def check_templates(entry: Any, file: Any) -> None:
    """Check the templates of a task. Raises InputError with the line of the key and the alternative."""
    for key, value in entry.items():
        if key in ("block", "rescue", "always", "tasks", "roles", "handlers"):
            continue
        for text, condition in _iterate_texts(value, condition=key in _CONDITIONS):
            if not _has_unknown_plugin(text, condition=condition):
                continue
            for problem in _shared_templar().find_problems(text, condition=condition):
                raise InputError(f"{problem}, in {text!r}", file=file, line=yaml_file.line_of(entry, key))


def _iterate_texts(value: Any, *, condition: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(value, str):
        yield value, condition and "{{" not in value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _iterate_texts(item, condition=condition or name == "that")
    elif isinstance(value, list):
        for item in value:
            yield from _iterate_texts(item, condition=condition)


def _has_unknown_plugin(text: str, *, condition: bool) -> bool:
    if not condition and "{{" not in text and "{%" not in text:
        return False
    return (
        any(name not in ALL_FILTERS for name in _FILTER.findall(text))
        or any(name not in ALL_TESTS for name in _TEST.findall(text))
        or any(name.split(".")[-1] not in LOOKUPS for name in _LOOKUP.findall(text))
    )
