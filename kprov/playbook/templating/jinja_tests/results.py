"""Tests of registered results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kprov.playbook.templating.values import FilterError


def _result(value: Any, test: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise FilterError(f"The {test!r} test expects a dictionary (what a task registered)")
    return value


def _status(key: str, test: str | None = None) -> Callable[[Any], bool]:
    return lambda value: bool(_result(value, test or key).get(key))


def _not(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: not test(value)


def _changed(value: Any) -> bool:
    result = _result(value, "changed")
    if "changed" in result:
        return bool(result["changed"])
    inner = result.get("results")
    return isinstance(inner, list) and any(one.get("changed") for one in inner if isinstance(one, Mapping))


def _of_job(key: str) -> Callable[[Any], bool]:
    """Make a test of an async job; other results count as started and finished."""
    return lambda value: bool(_result(value, key).get(key, True))


def _timedout(value: Any) -> bool:
    found = _result(value, "timedout").get("timedout")
    return bool(found and found["period"])


TESTS: dict[str, Callable[..., Any]] = {
    "failed": _status("failed"),
    "failure": _status("failed"),
    "succeeded": _not(_status("failed")),
    "success": _not(_status("failed")),
    "successful": _not(_status("failed")),
    "unreachable": _status("unreachable"),
    "reachable": _not(_status("unreachable", "reachable")),
    "timedout": _timedout,
    "changed": _changed,
    "change": _changed,
    "skipped": _status("skipped"),
    "skip": _status("skipped"),
    "started": _of_job("started"),
    "finished": _of_job("finished"),
}
