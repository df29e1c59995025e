"""Time zones by name, as Go's time.LoadLocation reads them."""

from __future__ import annotations

import os
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

_LOCAL_FILE: Final = Path("/etc/localtime")


class ZoneError(ValueError):
    """A time zone that cannot be loaded. The message is Go's."""


def load_zone(name: str) -> tzinfo:
    """Return the time zone of that name. Raises ZoneError."""
    if name in {"", "UTC"}:
        return UTC
    if name == "Local":
        return load_local_zone()
    if ".." in name or name[0] in "/\\":
        raise ZoneError("time: invalid location name")
    try:
        return ZoneInfo(name)
    except IsADirectoryError:
        raise ZoneError("is a directory") from None
    except (ValueError, OSError, KeyError):
        raise ZoneError(f"unknown time zone {name}") from None


def load_local_zone() -> tzinfo:
    """Return the time zone of this process: by the variable TZ, else by /etc/localtime, else UTC."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
        with _LOCAL_FILE.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (ValueError, OSError, KeyError):
        return UTC
