"""ansible.builtin.template: render a template on this machine and copy it to the host."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kprov.playbook.actions.call import ActionError, Call, ModuleCall
from kprov.playbook.templating.template_variables import make_template_variables

#: Settings of Jinja's environment that a task may change.
_JINJA: dict[str, dict[str, Any]] = {
    "block_start_string": {},
    "block_end_string": {},
    "variable_start_string": {},
    "variable_end_string": {},
    "comment_start_string": {},
    "comment_end_string": {},
    "trim_blocks": {"type": "bool"},
    "lstrip_blocks": {"type": "bool"},
    "newline_sequence": {},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **_JINJA,
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "output_encoding": {"default": "utf-8"},
    "backup": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": True},
    "follow": {"type": "bool", "default": False},
    "validate": {},
    "directory_mode": {"refused": "make the directory with a file task before"},
    "state": {"refused": "a template has no state; use file to remove what it made"},
}
RULES: dict[str, Any] = {"diff": True, "file_arguments": True}
_NEWLINES = {"\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n", "\n": "\n", "\r": "\r", "\r\n": "\r\n"}


def render(call: Call, path: Path) -> str:
    """Render a template for this host."""
    args = call.args
    managed = "ansible_managed" not in call.scope
    special = make_template_variables(path, str(args["src"]), str(args["dest"]), managed=managed)
    overrides = {name: call.args[name] for name in _JINJA if call.args.get(name) is not None}
    if "newline_sequence" in overrides:
        if overrides["newline_sequence"] not in _NEWLINES:
            raise ActionError("newline_sequence needs to be one of: \n, \r or \r\n")
        overrides["newline_sequence"] = _NEWLINES[overrides["newline_sequence"]]
    return call.templar.render_file(
        path, call.scope.extend(special), call.search_folders("templates"), overrides
    )


def prepare(call: Call) -> ModuleCall:
    """Return a call of the agent's copy with the rendered text."""
    for name in ("src", "dest"):
        if not call.args.get(name):
            raise ActionError("src and dest are required")
    path = call.find_file(str(call.args["src"]), "templates")
    errors = "surrogateescape" if call.args.get("output_encoding", "utf-8") == "utf-8" else "strict"
    data = render(call, path).encode(call.args.get("output_encoding", "utf-8"), errors)
    sha = hashlib.sha256(data).hexdigest()
    args = {
        name: value for name, value in call.args.items() if name not in (*_JINJA, "src", "output_encoding")
    }
    extra = {"_sha256": sha, "_name": path.name, "_mode": path.stat().st_mode & 0o7777, "_src": str(path)}
    return ModuleCall("copy", {**args, **extra}, {sha: data})
