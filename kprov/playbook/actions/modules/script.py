"""ansible.builtin.script."""

from __future__ import annotations

import shlex

from kprov.playbook.actions.call import ActionError, Call, Remote
from kprov.playbook.actions.controller_files import travelling


def prepare(call: Call) -> Remote:
    """The script travels; its words after the first stay as they are, for the host's shell."""
    args = dict(call.args)
    raw, given = args.pop("_raw_params", None), args.pop("cmd", None)
    if raw and given:
        raise ActionError("parameters are mutually exclusive: _raw_params|cmd")
    line = str(raw or given or "").strip()
    words = shlex.split(line)
    if not words:
        raise ActionError("one of the following is required: _raw_params, cmd")
    quotes = line[0] if line[0] in "'\"" else ""
    rest = line[len(words[0]) + 2 * len(quotes) :]
    path = call.find(words[0], "files")
    sha, source = travelling(path, args)
    extra = {"_sha256": sha, "_arguments": rest.strip(), "_name": path.name}
    return Remote("script", {**args, **extra}, {sha: source})
