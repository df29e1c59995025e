# Ansible's times have no zone.
# ruff: noqa: DTZ007
"""Filters for times."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.values import FilterError


def to_datetime(value: str, format: str = "%Y-%m-%d %H:%M:%S") -> dt.datetime:
    return dt.datetime.strptime(value, format)


def strftime(format: str, second: Any = None, utc: bool = False) -> str:
    """Format a time, in seconds since 1970, or now."""
    try:
        moment = None if second is None else float(second)
    except (TypeError, ValueError):
        raise FilterError(f"Invalid value for epoch value ({second})") from None
    return time.strftime(format, (time.gmtime if utc else time.localtime)(moment))


FILTERS: dict[str, Callable[..., Any]] = {"to_datetime": to_datetime, "strftime": strftime}
