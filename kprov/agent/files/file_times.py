"""Sets modification_time and access_time of ansible.builtin.file."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Optional, Tuple, Union

from kprov.agent.context import ModuleError
from kprov.agent.files import paths

#: Seconds since the epoch, "now", or None to leave a time as it is.
Moment = Union[float, str, None]
Times = Tuple[Moment, Moment]


def parse_times(args: dict[str, Any], state: str) -> Times:
    """Return the access and modification times of the arguments; the default for "touch" is now."""
    default = "now" if state == "touch" else "preserve"
    return (
        _parse_time(args["access_time"] or default, args["access_time_format"]),
        _parse_time(args["modification_time"] or default, args["modification_time_format"]),
    )


def _parse_time(text: str, form: str) -> Moment:
    if text in ("preserve", "now"):
        return None if text == "preserve" else "now"
    try:
        return time.mktime(time.strptime(text, form))
    except (ValueError, OverflowError) as error:
        raise ModuleError(
            f"Error while obtaining timestamp for time {text} using format {form}: {error}"
        ) from None


def set_times(path: str, times: Times, *, check: bool, diff: Optional[Dict[str, Any]]) -> bool:
    """Set the times of a path (following links); return whether they change."""
    if times == (None, None):
        return False
    status = paths.stat(path)
    if status is None:
        return check
    current_time = time.time()
    access = _time_value(times[0], status.st_atime, current_time)
    modification = _time_value(times[1], status.st_mtime, current_time)
    if (access, modification) == (status.st_atime, status.st_mtime):
        return False
    if not check:
        try:
            # Setting both times to now does not require ownership of the file.
            os.utime(path, None if times == ("now", "now") else (access, modification))
        except OSError as error:
            raise ModuleError(f"Error while updating modification or access time: {error}") from None
    if diff is not None:
        for name, before, after in (
            ("mtime", status.st_mtime, modification),
            ("atime", status.st_atime, access),
        ):
            if before != after:
                diff.setdefault("before", {})[name] = before
                diff.setdefault("after", {})[name] = after
    return True


def _time_value(moment: Moment, before: float, current_time: float) -> float:
    if moment is None:
        return before
    return current_time if isinstance(moment, str) else moment
