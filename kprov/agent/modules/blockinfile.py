# Paths are used as the texts they arrive as.
# ruff: noqa: PTH110
"""ansible.builtin.blockinfile."""

from __future__ import annotations

import os
import re
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a block between two marker lines, or have it no more."""
    path = args.get("path") or args.get("dest") or args.get("name") or ""
    exists = os.path.exists(path)
    block = args.get("block") or args.get("content") or ""
    present = args.get("state", "present") == "present"
    if not exists and not truth(args.get("create")):
        if not present:
            return {"changed": False, "msg": f"File {path} not present"}
        raise ModuleError(f"Path {path} does not exist !", rc=257)
    before = files.read_text(path) if exists else ""
    after = changed_text(before, block if present else "", args)
    changed = before != after or (not exists and present)
    result: dict[str, Any] = {"changed": changed, "msg": ""}
    if changed:
        result["msg"] = "Block inserted" if present and block else "Block removed"
        if context.diff:
            result["diff"] = [files.difference(path, _bytes(before), _bytes(after))]
        if not context.check:
            if exists and truth(args.get("backup")):
                result["backup_file"] = files.backup(path)
            files.write(path, _bytes(after), args)
    if files.set_attributes(path, args, check=context.check) and not changed:
        result["changed"] = True
    return result


def changed_text(before: str, block: str, args: dict[str, Any]) -> str:
    """The text with the block in its place; an empty block removes the markers too."""
    marker = args.get("marker") or "# {mark} ANSIBLE MANAGED BLOCK"
    begin = marker.replace("{mark}", args.get("marker_begin") or "BEGIN")
    end = marker.replace("{mark}", args.get("marker_end") or "END")
    lines = before.splitlines(keepends=True)
    bare = [line.rstrip("\r\n") for line in lines]
    wanted = [begin, *block.rstrip("\n").split("\n"), end] if block.strip("\n") else []
    first = max((n for n, line in enumerate(bare) if line == begin), default=-1)
    last = max((n for n, line in enumerate(bare) if line == end), default=-1)
    if first >= 0 and last >= first:
        place = first
        del lines[first : last + 1]
    elif not wanted:
        return before
    else:
        place = _place(bare, args)
        if place > 0 and not lines[place - 1].endswith("\n"):
            lines[place - 1] += "\n"
        if truth(args.get("prepend_newline")) and place > 0 and bare[place - 1]:
            wanted.insert(0, "")
        if truth(args.get("append_newline")) and place < len(lines) and bare[place]:
            wanted.append("")
    lines[place:place] = [line + "\n" for line in wanted]
    return "".join(lines)


def _place(bare: list[str], args: dict[str, Any]) -> int:
    before, after = args.get("insertbefore"), args.get("insertafter")
    if before == "BOF":
        return 0
    anchor = before or after
    if not anchor or anchor == "EOF":
        return len(bare)
    hits = [n for n, text in enumerate(bare) if re.search(anchor, text)]
    if not hits:
        return len(bare)
    return hits[-1] if before else hits[-1] + 1


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
