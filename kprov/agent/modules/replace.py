"""ansible.builtin.replace: matches of a pattern in a file."""

from __future__ import annotations

import re
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import text_edit

ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True, "aliases": ["dest", "destfile", "name"]},
    "regexp": {"required": True},
    "replace": {"default": ""},
    "after": {},
    "before": {},
    "backup": {"type": "bool", "default": False},
    "validate": {},
    "encoding": {"default": "utf-8"},
}
RULES: dict[str, Any] = {"diff": True, "file_arguments": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Replace every match of a (multi-line) pattern in a file; only between `after` and `before` if set."""
    path, encoding = args["path"], args["encoding"]
    old = text_edit.read_original(args, "Path", create=False) or b""
    text = old.decode(encoding, "surrogateescape")
    start, end = 0, len(text)
    section = _section_pattern(args)
    if section:
        match = re.search(section, text, re.DOTALL)
        if not match:
            return {
                "changed": False,
                "msg": f"Pattern for before/after params did not match the given file: {section}",
                "rc": 0,
            }
        start, end = match.span("subsection")
    pattern = re.compile(args["regexp"], re.MULTILINE)
    try:
        replaced, count = pattern.subn(args["replace"], text[start:end])
    except re.error as error:
        raise ModuleError(f"Unable to process replace due to error: {error}") from None
    changed = count > 0 and replaced != text[start:end]
    new = (text[:start] + replaced + text[end:]).encode(encoding, "surrogateescape")
    message = f"{count} replacements made" if changed else ""
    result = text_edit.write_result(path, old, new if changed else old, message, args, context)
    if context.diff:
        contents = result.pop("diff")[0]
        if changed:
            result["diff"] = {**contents, "before_header": path, "after_header": path}
    return {**result, "rc": 0}


def _section_pattern(args: dict[str, Any]) -> str:
    if args["after"] and args["before"]:
        return f"{args['after']}(?P<subsection>.*?){args['before']}"
    if args["after"]:
        return f"{args['after']}(?P<subsection>.*)"
    return f"(?P<subsection>.*){args['before']}" if args["before"] else ""
