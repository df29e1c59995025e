"""ansible.builtin.unarchive."""

from __future__ import annotations

from kprov.agent.context import truth
from kprov.playbook.action.base import ActionError, Call, Remote, content


def prepare(call: Call) -> Remote:
    args = dict(call.args)
    if truth(args.get("remote_src")) or args.get("copy") in (False, "no"):
        if "://" in str(args.get("src")):
            raise ActionError("unarchive from a URL is not supported; download it to the operator first")
        return Remote("unarchive", {**args, "remote_src": True})
    path = call.find(str(args["src"]), "files")
    sha, source = content(path)
    return Remote("unarchive", {**args, "_sha256": sha}, {sha: source})
