"""community.general.ini_file: options of INI files."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths
from kprov.agent.files.attributes import set_attributes
from kprov.agent.files.ini_lines import Section, edit_lines

_CONDITION: dict[str, dict[str, Any]] = {
    "option": {"required": True},
    "value": {},
    "values": {"type": "list", "elements": "str"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True, "aliases": ["dest"]},
    "section": {},
    "section_has_values": {
        "type": "list",
        "elements": "dict",
        "options": _CONDITION,
        "mutually_exclusive": [["value", "values"]],
    },
    "option": {},
    "value": {},
    "values": {"type": "list", "elements": "str"},
    "backup": {"type": "bool", "default": False},
    "state": {"default": "present", "choices": ["absent", "present"]},
    "exclusive": {"type": "bool", "default": True},
    "no_extra_spaces": {"type": "bool", "default": False},
    "ignore_spaces": {"type": "bool", "default": False},
    "allow_no_value": {"type": "bool", "default": False},
    "modify_inactive_option": {"type": "bool", "default": True},
    "create": {"type": "bool", "default": True},
    "follow": {"type": "bool", "default": False},
}
RULES: dict[str, Any] = {"diff": True, "file_arguments": True, "mutually_exclusive": [["value", "values"]]}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Set an option in a section of an INI file, or remove an option or a section."""
    values = [args["value"]] if args["value"] is not None else list(dict.fromkeys(args["values"] or []))
    if args["state"] == "present" and not args["allow_no_value"] and args["value"] is None and not values:
        raise ModuleError("Parameter 'value(s)' must be defined if state=present and allow_no_value=False.")
    path = args["path"]
    target = os.path.realpath(path) if args["follow"] and paths.is_link(path) else path
    if not paths.exists(target) and not args["create"]:
        raise ModuleError(f"Destination {target} does not exist!", rc=257)
    old = paths.read_bytes(target) if paths.exists(target) else None
    section = Section(
        name=args["section"],
        conditions=[
            (
                condition["option"],
                [condition["value"]] if condition["value"] is not None else condition["values"] or [],
            )
            for condition in args["section_has_values"] or []
        ],
    )
    new, changed, message = edit_lines((old or b"").decode("utf-8-sig"), section, values, args)
    result: dict[str, Any] = {"changed": changed, "msg": message, "path": path}
    if context.diff:
        result["diff"] = paths.text_difference(path, old or b"", new.encode())
    if changed and not context.check:
        folder = os.path.dirname(target)
        if folder and not paths.exists(folder):
            os.makedirs(folder)
        if args["backup"] and old is not None:
            result["backup_file"] = paths.make_backup(target)
        # This may set attributes too. That needs no change in the result: it is changed already.
        paths.write_file(target, new.encode(), {**args, "follow": False})
    if not context.check and paths.exists(path):
        result["changed"] = set_attributes(path, args, check=False, follow=args["follow"]) or changed
    return {**result, **paths.path_info(path)}
