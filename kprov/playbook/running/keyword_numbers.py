"""Numbers in the keywords of tasks and plays: seconds, counts and percentages."""

from __future__ import annotations

import math
from typing import Any

from kprov.errors import InputError
from kprov.playbook.model.plays import Node
from kprov.playbook.templating.scope import Scope

#: The largest number of seconds or attempts; more is a mistake, and too large for the clocks of hosts.
LARGEST = 100_000_000


def render_whole(node: Node, scope: Scope, keyword: str, value: Any, *, least: int = 0) -> int:
    """Return the whole number that a keyword must be. Raises InputError."""
    number = _to_number(node, scope, keyword, value, f"a whole number between {least} and {LARGEST}", least)
    return int(number)


def render_seconds(node: Node, scope: Scope, keyword: str, value: Any) -> float:
    """Return the seconds that a keyword must be, 0 for a negative number. Raises InputError."""
    return max(0.0, _to_number(node, scope, keyword, value, "a number of seconds", -LARGEST))


def render_percentage(node: Node, scope: Scope, keyword: str, value: Any) -> float:
    """Return the percentage that a keyword must be. Raises InputError."""
    return _to_number(node, scope, keyword, value, "a percentage", 0)


def _to_number(node: Node, scope: Scope, keyword: str, value: Any, what: str, least: int) -> float:
    rendered = scope.templar.render(value, scope, keyword)
    try:
        number = float(rendered or 0)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not least <= number <= LARGEST:
        raise InputError(f"must be {what}, not {rendered!r}", file=node.file, line=node.line, field=keyword)
    return number
