"""Checks the facts that hosts answer when they are connected: a host may leave facts out, or lie."""

from __future__ import annotations

import re
from typing import Any

_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
#: The facts of a host that the operator's side reads, each with the form of its text. Python and architecture
#: name a bundle, thus files here.
_FACTS = {
    "ansible_effective_user_id": re.compile(r"[0-9]{1,10}"),
    "ansible_user_id": re.compile(r"[\w.@\\$+-]{1,64}"),
    "ansible_distribution": _PRINTABLE,
    "ansible_distribution_version": _PRINTABLE,
    "ansible_distribution_major_version": _PRINTABLE,
    "ansible_python_version": re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})+[a-z0-9+.]{0,16}"),
    "ansible_architecture": re.compile(r"[\w-]{1,32}", re.ASCII),
}
#: Facts that are numbers.
_NUMBERS = frozenset(("ansible_effective_user_id",))
#: Characters of a text.
_LONGEST = 100


def find_problem(facts: Any) -> str | None:
    """Return which facts are missing or malformed; None if none is."""
    if not isinstance(facts, dict):
        return f"its facts are {_shorten(facts)}"
    problems = [
        f"{name} is {_shorten(facts[name])}" if name in facts else f"{name} is missing"
        for name, form in _FACTS.items()
        if not _has_form(name, facts.get(name), form)
    ]
    return f"its facts cannot be used: {', '.join(problems)}" if problems else None


def _has_form(name: str, value: Any, form: re.Pattern[str]) -> bool:
    kind = int if name in _NUMBERS else str
    return type(value) is kind and len(text := str(value)) <= _LONGEST and form.fullmatch(text) is not None


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
