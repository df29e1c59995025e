"""Checks the profiles and extenders of the scheduler in an inventory, before a host is touched.

Fields and rules are those by which the scheduler reads its file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from kprov.contract.scheduler import extenders, profiles
from kprov.contract.scheduler.sections import Section, SectionError, read

_Section = TypeVar("_Section", bound=Section)


def check_profiles(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the documents. Raise ValueError with all problems, each with its field."""
    return _check(documents, profiles.Profile, profiles.find_problems)


def check_extenders(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the documents. Raise ValueError with all problems, each with its field."""
    return _check(documents, extenders.Extender, extenders.find_problems)


def _check(
    documents: list[dict[str, Any]],
    kind: type[_Section],
    find_problems: Callable[[Sequence[_Section], str], Iterator[str]],
) -> list[dict[str, Any]]:
    problems: list[str] = []
    sections: list[_Section] = []
    for number, document in enumerate(documents):
        try:
            sections.append(read(kind, document, f"[{number}]"))
        except SectionError as error:
            problems += error.problems
    # Without all sections, the numbers of the others would be wrong.
    problems = problems or list(find_problems(sections, ""))
    if problems:
        raise ValueError(", ".join(problems))
    return documents
