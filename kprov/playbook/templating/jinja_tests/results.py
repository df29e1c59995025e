"""Tests of registered results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kprov.playbook.templating.values import FilterError


def _require_result(value: Any, test: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise FilterError(f"The {test!r} test expects a dictionary (what a task registered)")
    return value


def _make_status_test(key: str, test: str | None = None) -> Callable[[Any], bool]:
    return lambda value: bool(_require_result(value, test or key).get(key))


def _negate(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: not test(value)


def _is_changed(value: Any) -> bool:
    result = _require_result(value, "changed")
    if "changed" in result:
        return bool(result["changed"])
    inner = result.get("results")
    return isinstance(inner, list) and any(item.get("changed") for item in inner if isinstance(item, Mapping))


def _make_job_test(key: str) -> Callable[[Any], bool]:
    """Make a test of an async job; other results count as started and finished."""
    return lambda value: bool(_require_result(value, key).get(key, True))


def _has_timed_out(value: Any) -> bool:
    timed_out = _require_result(value, "timedout").get("timedout")
    return bool(timed_out and timed_out["period"])


TESTS: dict[str, Callable[..., Any]] = {
    "failed": _make_status_test("failed"),
    "failure": _make_status_test("failed"),
    "succeeded": _negate(_make_status_test("failed")),
    "success": _negate(_make_status_test("failed")),
    "successful": _negate(_make_status_test("failed")),
    "unreachable": _make_status_test("unreachable"),
    "reachable": _negate(_make_status_test("unreachable", "reachable")),
    "timedout": _has_timed_out,
    "changed": _is_changed,
    "change": _is_changed,
    "skipped": _make_status_test("skipped"),
    "skip": _make_status_test("skipped"),
    "started": _make_job_test("started"),
    "finished": _make_job_test("finished"),
}
