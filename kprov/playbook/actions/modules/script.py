"""ansible.builtin.script: send a script to the host and run it."""

from __future__ import annotations

import shlex

from kprov.playbook.actions.call import ActionError, Call, ModuleCall
from kprov.playbook.actions.controller_files import load_content


def prepare(call: Call) -> ModuleCall:
    """Send the script; its arguments go to the host's shell unchanged."""
    args = dict(call.args)
    raw, command = args.pop("_raw_params", None), args.pop("cmd", None)
    if raw and command:
        raise ActionError("parameters are mutually exclusive: _raw_params|cmd")
    line = str(raw or command or "").strip()
    words = shlex.split(line)
    if not words:
        raise ActionError("one of the following is required: _raw_params, cmd")
    quotes = line[0] if line[0] in "'\"" else ""
    rest = line[len(words[0]) + 2 * len(quotes) :]
    path = call.find_file(words[0], "files")
    sha, source = load_content(path, args)
    extra = {"_sha256": sha, "_arguments": rest.strip(), "_name": path.name}
    return ModuleCall("script", {**args, **extra}, {sha: source})
