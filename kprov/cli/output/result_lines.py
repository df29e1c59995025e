"""Renders the failure reasons and diffs of results as lines."""

from __future__ import annotations

import difflib
import json
from typing import Any


def result_and_items(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a result followed by the results of its items."""
    items = result.get("results")
    return [result, *(item for item in (items if isinstance(items, list) else []) if isinstance(item, dict))]


def failure_reasons(result: dict[str, Any]) -> list[str]:
    """Return why a task failed: its message, the end of its program's output, and its failed items."""
    lines: list[str] = []
    for item in result_and_items(result):
        if item is not result and not item.get("failed"):
            continue
        text = str(item.get("msg") or "")
        words = ("stderr", "module_stderr", "stdout")
        program = next((str(item[word]) for word in words if str(item.get(word) or "").strip()), "")
        lines += [line for line in [*text.splitlines(), *program.splitlines()[-8:]] if line.strip()]
    return lines


def diff_lines(result: dict[str, Any]) -> list[str]:
    """Render a result's diffs as unified diffs."""
    lines: list[str] = []
    for item in result_and_items(result):
        diffs = item.get("diff") or []
        for diff in [diffs] if isinstance(diffs, dict) else diffs:
            if not isinstance(diff, dict):
                continue
            if "prepared" in diff:
                lines += str(diff["prepared"]).splitlines()
                continue
            before, after = _to_text(diff.get("before")), _to_text(diff.get("after"))
            lines += [
                line.rstrip("\n")
                for line in difflib.unified_diff(
                    before.splitlines(keepends=True),
                    after.splitlines(keepends=True),
                    str(diff.get("before_header") or "before"),
                    str(diff.get("after_header") or "after"),
                )
            ]
    return lines


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
