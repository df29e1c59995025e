"""ansible.builtin.lineinfile."""

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
    """Have a line in a file, or have it no more."""
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
    lines = _lines(old or b"")
    if present:
        message = _ensure_present(lines, args)
        result = text_edit.write_result(path, old, b"".join(lines), message, args, context)
    else:
        kept = [line for line in lines if not _remove_lines(line, args)]
        removed = len(lines) - len(kept)
        message = f"{removed} line(s) removed" if removed else ""
        result = text_edit.write_result(path, old, b"".join(kept), message, args, context)
        result["found"] = removed
    result["backup"] = result.pop("backup_file", "")
    empty = [name for name in ("regexp", "search_string") if args[name] == ""]
    if empty:
        what = "regular expression" if empty == ["regexp"] else "search string"
        result["warnings"] = [f"The {what} is an empty string, which will match every line in the file."]
    return result


def _lines(data: bytes) -> list[bytes]:
    """Lines that end with a newline only; a carriage return within them is a byte as any other."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _strip_newline(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def _find_line(lines: list[bytes], args: dict[str, Any]) -> tuple[int, Any]:
    """The place of the line that regexp or search_string means, and its match."""
    pattern = None if args["regexp"] is None else re.compile(_bytes(args["regexp"]))
    literal = None if args["search_string"] is None else _bytes(args["search_string"])
    place, match = -1, None
    for number, line in enumerate(lines):
        hit: Any = pattern.search(line) if pattern else literal is not None and literal in line
        if hit:
            place, match = number, hit
            if args["firstmatch"]:
                break
    return place, match


def _ensure_present(lines: list[bytes], args: dict[str, Any]) -> str:
    """Change the lines; the message, empty when nothing had to be done."""
    wanted = _bytes(args["line"])
    place, match = _find_line(lines, args)
    if match:
        new = match.expand(wanted) if args["backrefs"] else wanted
        return _replace_line(lines, place, new)
    exact, anchor = _find_anchor(lines, wanted, args)
    if exact >= 0:
        return _replace_line(lines, exact, wanted)
    if args["backrefs"]:
        return ""
    return _add_line(lines, wanted, anchor, args)


def _replace_line(lines: list[bytes], place: int, new: bytes) -> str:
    new = new if new.endswith(b"\n") else new + b"\n"
    if lines[place] == new:
        return ""
    lines[place] = new
    return "line replaced"


def _find_anchor(lines: list[bytes], wanted: bytes, args: dict[str, Any]) -> tuple[int, int]:
    """The place of the line itself, and the one that insertafter or insertbefore means; -1 for none."""
    text = args["insertafter"] if args["insertafter"] is not None else args["insertbefore"]
    pattern = None if text in (None, "BOF", "EOF") else re.compile(_bytes(text))
    exact = anchor = -1
    for number, line in enumerate(lines):
        if _strip_newline(line) == wanted:
            exact = number
        elif pattern is not None and pattern.search(line):
            anchor = number + 1 if args["insertafter"] else number
            if args["firstmatch"]:
                break
    return exact, anchor


def _add_line(lines: list[bytes], wanted: bytes, anchor: int, args: dict[str, Any]) -> str:
    if "BOF" in (args["insertbefore"], args["insertafter"]):
        lines.insert(0, wanted + b"\n")
        return "line added"
    at_end = anchor in (-1, len(lines)) or args["insertafter"] == "EOF"
    if at_end and lines and lines[-1][-1:] not in (b"\n", b"\r"):
        lines[-1] += b"\n"
    if not at_end and args["insertafter"] is not None and _strip_newline(lines[anchor]) == wanted:
        return ""
    lines.insert(len(lines) if at_end else anchor, wanted + b"\n")
    return "line added"


def _remove_lines(line: bytes, args: dict[str, Any]) -> bool:
    if args["regexp"] is not None:
        return bool(re.search(_bytes(args["regexp"]), line))
    if args["search_string"] is not None:
        return _bytes(args["search_string"]) in line
    return _strip_newline(line) == _bytes(args["line"])
