"""ansible.builtin.script."""

from __future__ import annotations

from kprov.playbook.action.base import Call, Remote, content


def prepare(call: Call) -> Remote:
    args = dict(call.args)
    line = str(args.pop("_raw_params", None) or args.pop("cmd", ""))
    name, _, rest = line.strip().partition(" ")
    sha, source = content(call.find(name, "files"))
    return Remote("script", {**args, "_sha256": sha, "_arguments": rest}, {sha: source})
