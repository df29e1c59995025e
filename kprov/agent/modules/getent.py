"""ansible.builtin.getent: entries of a database of the name service."""

from __future__ import annotations

from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "database": {"required": True},
    "key": {},
    "service": {},
    "split": {},
    "fail_key": {"type": "bool", "default": True},
}
RULES: dict[str, Any] = {"read_only": True}
_COLON = ("passwd", "shadow", "group", "gshadow")
_EXIT_CODES = {
    1: "Missing arguments, or database unknown.",
    2: "One or more supplied key could not be found in the database.",
    3: "Enumeration not supported on this database.",
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return ansible_facts.getent_DATABASE: by key, the other fields, or a list of them if it repeats."""
    database, key, split = args["database"], args["key"], args["split"]
    command = ["getent", database, *([key] if key is not None else [])]
    if args["service"] is not None:
        command += ["-s", args["service"]]
    try:
        code, out, _ = process.run_program(command)
    except FileNotFoundError:
        raise ModuleError('Failed to find required executable "getent"') from None
    name = f"getent_{database}"
    if code == 2 and not args["fail_key"]:
        return {"changed": False, "ansible_facts": {name: {key: None}}, "msg": _EXIT_CODES[2]}
    if code:
        raise ModuleError(_EXIT_CODES.get(code, "Unexpected failure!"))
    if split is None and database in _COLON:
        split = ":"
    entries: dict[str, list[list[str]]] = {}
    for line in out.splitlines():
        entry_key, *fields = line.split(split)
        entries.setdefault(entry_key, []).append(fields)
    fields_by_key = {entry_key: rows[0] if len(rows) == 1 else rows for entry_key, rows in entries.items()}
    return {"changed": False, "ansible_facts": {name: fields_by_key}}
