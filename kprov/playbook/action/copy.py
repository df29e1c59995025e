"""ansible.builtin.copy."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import truth
from kprov.playbook.action.base import ActionError, Call, Remote, content, text
from kprov.playbook.filters import to_json


def prepare(call: Call) -> Remote | list[Remote]:
    """Content given, a file of the operator's, or one of the host; a folder becomes a call a file."""
    args = dict(call.args)
    if "dest" not in args:
        raise ActionError("dest is required")
    given = args.pop("content", None)
    if given is not None:
        sha, data = text(given if isinstance(given, str) else to_json(given))
        return Remote("copy", {**args, "_sha256": sha}, {sha: data})
    if truth(args.get("remote_src")):
        return Remote("copy", args)
    if not args.get("src"):
        raise ActionError("src (or content) is required")
    path = call.find(str(args["src"]), "files")
    if not path.is_dir():
        sha, source = content(path)
        extra: dict[str, Any] = {"_sha256": sha, "_name": path.name, "_mode": path.stat().st_mode & 0o7777}
        return Remote("copy", {**args, **extra}, {sha: source})
    base = path if str(args["src"]).endswith("/") else path.parent
    calls = []
    for inner in sorted(file for file in path.rglob("*") if file.is_file()):
        sha, source = content(inner)
        dest = f"{str(args['dest']).rstrip('/')}/{inner.relative_to(base)}"
        calls.append(
            Remote(
                "copy",
                {
                    **args,
                    "dest": dest,
                    "_sha256": sha,
                    "_make_folders": True,
                    "_mode": inner.stat().st_mode & 0o7777,
                },
                {sha: source},
            )
        )
    return calls
