# The signature is what callers expect.
"""ansible.builtin.getent."""

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
_ENDS = {
    1: "Missing arguments, or database unknown.",
    2: "One or more supplied key could not be found in the database.",
    3: "Enumeration not supported on this database.",
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """ansible_facts.getent_DATABASE: by key its other fields, or a list of such where there are more."""
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
        return {"changed": False, "ansible_facts": {name: {key: None}}, "msg": _ENDS[2]}
    if code:
        raise ModuleError(_ENDS.get(code, "Unexpected failure!"))
    if split is None and database in _COLON:
        split = ":"
    entries: dict[str, list[list[str]]] = {}
    for line in out.splitlines():
        first, *rest = line.split(split)
        entries.setdefault(first, []).append(rest)
    found = {first: rows[0] if len(rows) == 1 else rows for first, rows in entries.items()}
    return {"changed": False, "ansible_facts": {name: found}}
