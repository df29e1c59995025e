"""ansible.builtin.lineinfile: a line of a file."""

from __future__ import annotations

import re
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths, text_edit

ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True, "aliases": ["dest", "destfile", "name"]},
    "state": {"default": "present", "choices": ["absent", "present"]},
    "regexp": {"aliases": ["regex"]},
    "search_string": {},
    "line": {"aliases": ["value"]},
    "insertafter": {},
    "insertbefore": {},
    "backrefs": {"type": "bool", "default": False},
    "create": {"type": "bool", "default": False},
    "backup": {"type": "bool", "default": False},
    "firstmatch": {"type": "bool", "default": False},
    "validate": {},
}
RULES: dict[str, Any] = {
    "diff": True,
    "file_arguments": True,
    "mutually_exclusive": [
        ["insertbefore", "insertafter"],
        ["regexp", "search_string"],
        ["backrefs", "search_string"],
    ],
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Add or replace a line of a file, or remove lines."""
    path = args["path"]
    present = args["state"] == "present"
    if not present and not paths.exists(path):
        return {"changed": False, "msg": "file not present"}
    old = text_edit.read_original(args, "Destination", create=args["create"])
    if present and args["backrefs"] and args["regexp"] is None:
        raise ModuleError("regexp is required with backrefs=true")
    if present and args["line"] is None:
        raise ModuleError("line is required with state=present")
    if not present and args["regexp"] is args["search_string"] is args["line"] is None:
        raise ModuleError("one of line, search_string, or regexp is required with state=absent")
    lines = _split_lines(old or b"")
    if present:
        message = _ensure_present(lines, args)
        result = text_edit.write_result(path, old, b"".join(lines), message, args, context)
    else:
        remaining = [line for line in lines if not _should_remove(line, args)]
        removed = len(lines) - len(remaining)
        message = f"{removed} line(s) removed" if removed else ""
        result = text_edit.write_result(path, old, b"".join(remaining), message, args, context)
        result["found"] = removed
    result["backup"] = result.pop("backup_file", "")
    empty_arguments = [name for name in ("regexp", "search_string") if args[name] == ""]
    if empty_arguments:
        argument_name = "regular expression" if empty_arguments == ["regexp"] else "search string"
        result["warnings"] = [
            f"The {argument_name} is an empty string, which will match every line in the file."
        ]
    return result


def _split_lines(data: bytes) -> list[bytes]:
    """Split at newlines only, not at carriage returns."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _strip_newline(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def _find_line(lines: list[bytes], args: dict[str, Any]) -> tuple[int, Any]:
    """Return the index of the line that regexp or search_string matches (-1: none), and the match."""
    pattern = None if args["regexp"] is None else re.compile(_encode(args["regexp"]))
    literal = None if args["search_string"] is None else _encode(args["search_string"])
    position, match = -1, None
    for number, line in enumerate(lines):
        found_match: Any = pattern.search(line) if pattern else literal is not None and literal in line
        if found_match:
            position, match = number, found_match
            if args["firstmatch"]:
                break
    return position, match


def _ensure_present(lines: list[bytes], args: dict[str, Any]) -> str:
    """Change the lines; return the message, "" if nothing changes."""
    line = _encode(args["line"])
    position, match = _find_line(lines, args)
    if match:
        new_line = match.expand(line) if args["backrefs"] else line
        return _replace_line(lines, position, new_line)
    same_line, anchor = _find_anchor(lines, line, args)
    if same_line >= 0:
        return _replace_line(lines, same_line, line)
    if args["backrefs"]:
        return ""
    return _add_line(lines, line, anchor, args)


def _replace_line(lines: list[bytes], position: int, new_line: bytes) -> str:
    new_line = new_line if new_line.endswith(b"\n") else new_line + b"\n"
    if lines[position] == new_line:
        return ""
    lines[position] = new_line
    return "line replaced"


def _find_anchor(lines: list[bytes], requested: bytes, args: dict[str, Any]) -> tuple[int, int]:
    """Return the index of the line itself and that for insertafter or insertbefore (-1: none)."""
    text = args["insertafter"] if args["insertafter"] is not None else args["insertbefore"]
    pattern = None if text in (None, "BOF", "EOF") else re.compile(_encode(text))
    same_line = anchor = -1
    for number, line in enumerate(lines):
        if _strip_newline(line) == requested:
            same_line = number
        elif pattern is not None and pattern.search(line):
            anchor = number + 1 if args["insertafter"] else number
            if args["firstmatch"]:
                break
    return same_line, anchor


def _add_line(lines: list[bytes], line: bytes, anchor: int, args: dict[str, Any]) -> str:
    if "BOF" in (args["insertbefore"], args["insertafter"]):
        lines.insert(0, line + b"\n")
        return "line added"
    at_end = anchor in (-1, len(lines)) or args["insertafter"] == "EOF"
    if at_end and lines and lines[-1][-1:] not in (b"\n", b"\r"):
        lines[-1] += b"\n"
    if not at_end and args["insertafter"] is not None and _strip_newline(lines[anchor]) == line:
        return ""
    lines.insert(len(lines) if at_end else anchor, line + b"\n")
    return "line added"


def _should_remove(line: bytes, args: dict[str, Any]) -> bool:
    if args["regexp"] is not None:
        return bool(re.search(_encode(args["regexp"]), line))
    if args["search_string"] is not None:
        return _encode(args["search_string"]) in line
    return _strip_newline(line) == _encode(args["line"])
