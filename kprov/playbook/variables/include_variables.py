"""The variables that an include passes to its tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class IncludeVariables:
    """Variables of the includes around a task: loop items (values) and `vars` (templates)."""

    items: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


NO_VARIABLES = IncludeVariables()
