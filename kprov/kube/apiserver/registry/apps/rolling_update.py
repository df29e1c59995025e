"""Limits of a rolling update: a number of pods or a percentage.

Source: upstream pkg/apis/apps/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import Any, Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field, names

ROLLING_UPDATE: Final = "RollingUpdate"


def check_count_or_percent(value: Any, path: str) -> Errors:
    """Check that a value is a percentage or a number of at least 0."""
    if isinstance(value, str):
        yield from checks.check_value(value, path, names.is_percent)
    elif value < 0:
        yield field.invalid(path, value, checks.NOT_NEGATIVE)


def is_zero_amount(value: Any) -> bool:
    """Whether a value is 0 or 0%. An invalid value counts as 0."""
    if isinstance(value, str):
        is_amount = re.fullmatch("[0-9]+%|[-+]?[0-9]+", value, re.ASCII)
        return not is_amount or not re.search("[1-9]", value)
    return bool(value == 0)
