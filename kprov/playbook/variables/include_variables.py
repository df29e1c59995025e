"""What an include gives to the tasks it brings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class IncludeVariables:
    """What includes around a task give it: items of their loops (values), and their `vars` (templates)."""

    items: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


NO_VARIABLES = IncludeVariables()
