# Paths are used as the texts they arrive as.
# ruff: noqa: PTH110
"""ansible.builtin.lineinfile."""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a line in a file, or have it no more."""
    path = args.get("path") or args.get("dest") or args.get("name") or ""
    present = args.get("state", "present") == "present"
    exists = os.path.exists(path)
    if not exists and present and not truth(args.get("create")):
        raise ModuleError(f"Destination {path} does not exist !", rc=257)
    before = files.read_text(path) if exists else ""
    lines = before.splitlines(keepends=True)
    message, after = (_present if present else _absent)(lines, args)
    changed = after != before or (present and not exists)
    result: dict[str, Any] = {"changed": changed, "msg": message if changed else "", "backup": ""}
    if changed:
        if context.diff:
            result["diff"] = [files.difference(path, _bytes(before), _bytes(after))]
        if not context.check:
            if exists and truth(args.get("backup")):
                result["backup"] = files.backup(path)
            files.write(path, _bytes(after), args)
    if files.set_attributes(path, args, check=context.check) and not changed:
        result.update(changed=True, msg="ownership, perms or SE linux context changed")
    return result


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _present(lines: list[str], args: dict[str, Any]) -> tuple[str, str]:
    line = args["line"]
    pattern, literal = args.get("regexp") or args.get("regex"), args.get("search_string")
    found = -1
    match = None
    for number, text in enumerate(lines):
        bare = text.rstrip("\r\n")
        hit = re.search(pattern, bare) if pattern else (literal in bare) if literal else None
        if hit:
            found, match = number, hit
    exact = next((n for n, text in enumerate(lines) if text.rstrip("\r\n") == line), -1)
    if found >= 0:
        new = match.expand(line) if truth(args.get("backrefs")) and isinstance(match, re.Match) else line
        if lines[found].rstrip("\r\n") != new:
            lines[found] = new + "\n"
        return "line replaced", "".join(lines)
    if truth(args.get("backrefs")) or exact >= 0:
        return "", "".join(lines)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    lines.insert(_place(lines, args), line + "\n")
    return "line added", "".join(lines)


def _place(lines: list[str], args: dict[str, Any]) -> int:
    before, after = args.get("insertbefore"), args.get("insertafter")
    if before == "BOF":
        return 0
    anchor = before or after
    if not anchor or anchor == "EOF":
        return len(lines)
    hits = [n for n, text in enumerate(lines) if re.search(anchor, text.rstrip("\r\n"))]
    if not hits:
        return len(lines)
    hit = hits[0] if truth(args.get("firstmatch")) else hits[-1]
    return hit if before else hit + 1


def _absent(lines: list[str], args: dict[str, Any]) -> tuple[str, str]:
    pattern, literal, line = (
        args.get("regexp") or args.get("regex"),
        args.get("search_string"),
        args.get("line"),
    )

    def goes(text: str) -> bool:
        bare = text.rstrip("\r\n")
        if pattern:
            return bool(re.search(pattern, bare))
        return literal in bare if literal else bare == line

    kept = [text for text in lines if not goes(text)]
    return f"{len(lines) - len(kept)} line(s) removed", "".join(kept)
