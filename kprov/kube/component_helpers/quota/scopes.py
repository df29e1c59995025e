"""Scope terms with values (PriorityClass, VolumeAttributesClass)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kprov.kube.machinery.selectors import DOES_NOT_EXIST, EXISTS, IN, NOT_IN, Requirement

_OPERATORS: Final = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}


def names_match(scope: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether one of the names, or having none, fits the term."""
    name = scope["scopeName"]
    term = Requirement(name, _OPERATORS[scope.get("operator", "")], tuple(scope.get("values") or ()))
    values = list(names)
    return any(term.matches({name: value}) for value in values) if values else term.matches({})
