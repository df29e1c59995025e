"""What an action of the operator's side does to a run besides its result: variables, hosts, groups, stats.

An effect is an attribute of an ActionResult, never a key of a result. So no answer of a host can have one,
whatever it sends, and neither can an entry of a journal: both are plain mappings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SetVariables:
    """Variables of set_fact; `cached` ones are facts too."""

    values: dict[str, Any]
    cached: bool


@dataclass(frozen=True)
class IncludeVariableFiles:
    """Variables of include_vars."""

    values: dict[str, Any]


@dataclass(frozen=True)
class AddHost:
    """A new host. Its variables are values, not templates."""

    name: str
    groups: list[str]
    variables: dict[str, Any]


@dataclass(frozen=True)
class AddToGroup:
    """A group that the task's host becomes a member of."""

    name: str
    parents: list[str]


@dataclass(frozen=True)
class SetStats:
    """Values for the report."""

    values: dict[str, Any]
    per_host: bool
    aggregate: bool


Effect = SetVariables | IncludeVariableFiles | AddHost | AddToGroup | SetStats


class ActionResult(dict[str, Any]):
    """The result of an action of the operator's side, with its effect on the run."""

    def __init__(self, values: dict[str, Any], effect: Effect) -> None:
        super().__init__(values)
        self.effect = effect


def find_effect(result: dict[str, Any]) -> Effect | None:
    """Return the effect of a result; None for a failed one, and for every answer of a host."""
    return result.effect if isinstance(result, ActionResult) and not result.get("failed") else None


def read_variables(result: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that an action set; none for a host's facts."""
    effect = find_effect(result)
    return effect.values if isinstance(effect, (SetVariables, IncludeVariableFiles)) else {}
