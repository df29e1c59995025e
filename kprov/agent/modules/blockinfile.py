"""ansible.builtin.blockinfile: a block of lines between two markers."""

from __future__ import annotations

import re
from typing import Any

from kprov.agent.context import Context
from kprov.agent.files import text_edit

ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True, "aliases": ["dest", "destfile", "name"]},
    "state": {"default": "present", "choices": ["absent", "present"]},
    "marker": {"default": "# {mark} ANSIBLE MANAGED BLOCK"},
    "block": {"default": "", "aliases": ["content"]},
    "insertafter": {},
    "insertbefore": {},
    "create": {"type": "bool", "default": False},
    "backup": {"type": "bool", "default": False},
    "validate": {},
    "marker_begin": {"default": "BEGIN"},
    "marker_end": {"default": "END"},
    "append_newline": {"type": "bool", "default": False},
    "prepend_newline": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {
    "diff": True,
    "file_arguments": True,
    "mutually_exclusive": [["insertbefore", "insertafter"]],
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write a block between two marker lines, or remove it."""
    path = args["path"]
    old = text_edit.read_original(args, "Path", create=args["create"])
    present = args["state"] == "present"
    if old is None and not present:
        return {"changed": False, "msg": f"File {path} not present"}
    block = args["block"].encode("utf-8", "surrogateescape") if present else b""
    new = edit_block(old or b"", block, args)
    if new == old:
        message = ""
    elif old is None:
        message = "File created"
    else:
        message = "Block inserted" if block else "Block removed"
    return text_edit.write_result(path, old, new, message, args, context)


def edit_block(old: bytes, block: bytes, args: dict[str, Any]) -> bytes:
    """Return the content with the block; for an empty block, without the block and its markers."""
    lines = old.splitlines(keepends=True)
    marker = args["marker"].encode()
    begin = marker.replace(b"{mark}", args["marker_begin"].encode()) + b"\n"
    end = marker.replace(b"{mark}", args["marker_end"].encode()) + b"\n"
    inner: list[bytes] = []
    if block:
        inner = [begin, *(block if block.endswith(b"\n") else block + b"\n").splitlines(keepends=True), end]
    place = _remove_block(lines, begin, end)
    if place is None:
        place = _find_place(old, lines, args)
    if place > 0 and not lines[place - 1].endswith(b"\n"):
        lines[place - 1] += b"\n"
    present = args["state"] == "present"
    if args["prepend_newline"] and present and place != 0 and lines[place - 1] != b"\n":
        lines.insert(place, b"\n")
        place += 1
    lines[place:place] = inner
    after = place + len(inner)
    if args["append_newline"] and present and after < len(lines) and lines[after] != b"\n":
        lines.insert(after, b"\n")
    return b"".join(lines)


def _remove_block(lines: list[bytes], begin: bytes, end: bytes) -> int | None:
    """Remove the last block from the lines; return its index, or None without a block."""
    first = max((number for number, line in enumerate(lines) if line == begin), default=None)
    last = max((number for number, line in enumerate(lines) if line == end), default=None)
    if first is None or last is None:
        return None
    place = min(first, last)
    del lines[place : max(first, last) + 1]
    return place


def _find_place(old: bytes, lines: list[bytes], args: dict[str, Any]) -> int:
    before, after = args["insertbefore"], args["insertafter"]
    if before == "BOF":
        return 0
    anchor = after if after is not None else before
    if anchor in (None, "EOF"):
        return len(lines)
    pattern = re.compile(anchor.encode("utf-8", "surrogateescape"))
    line_index = None
    if pattern.flags & re.MULTILINE:
        match = pattern.search(old)
        if match:
            line_index = old.count(b"\n", 0, match.end() if after is not None else match.start())
    else:
        line_index = max((number for number, line in enumerate(lines) if pattern.search(line)), default=None)
    if line_index is None:
        return len(lines)
    return line_index + 1 if after is not None else line_index
