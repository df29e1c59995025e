"""ansible.builtin.copy: copy a text, a file or folder of the operator's machine, or one of the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kprov.playbook.actions.call import ActionError, Call, ModuleCall, hash_text
from kprov.playbook.actions.controller_files import load_content
from kprov.transport.agent_modules import parse_boolean


def prepare(call: Call) -> ModuleCall:
    """Return one call of the agent's copy, also for a folder."""
    args = dict(call.args)
    content, src, dest = args.pop("content", None), args.get("src"), args.get("dest")
    if not src and content is None:
        raise ActionError("src (or content) is required")
    if not dest:
        raise ActionError("dest is required")
    if src and content is not None:
        raise ActionError("src and content are mutually exclusive")
    if content is not None:
        if str(dest).endswith("/"):
            raise ActionError("can not use content with a dir as dest")
        args.pop("src", None)
        sha, data = hash_text(json.dumps(content) if isinstance(content, (dict, list)) else str(content))
        return ModuleCall("copy", {**args, "_sha256": sha}, {sha: data})
    if parse_boolean(args.get("remote_src")):
        return ModuleCall("copy", args)
    path = call.find_file(str(src), "files")
    args.pop("src")
    if path.is_dir():
        follow = parse_boolean(args.get("local_follow"), default=True)
        inside = str(src).endswith("/")
        tree, contents = list_folder(path, inside=inside, follow=follow, args=args)
        source_name = f"{path}/" if inside else str(path)
        return ModuleCall("copy", {**args, "_tree": tree, "_src": source_name}, contents)
    sha, source = load_content(path, args)
    now = path.stat()
    extra: dict[str, Any] = {"_sha256": sha, "_name": path.name, "_src": str(path)}
    extra.update(_mode=now.st_mode & 0o7777, _size=len(source) if isinstance(source, bytes) else now.st_size)
    return ModuleCall("copy", {**args, **extra}, {sha: source})


def list_folder(
    top: Path, *, inside: bool, follow: bool, args: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, bytes | Path]]:
    """Return the tree below a folder for the agent's copy; names start with the folder's unless `inside`.

    Links are followed if `local_follow` is true, except broken ones and those that form a loop.
    """
    tree: dict[str, list[Any]] = {"files": [], "folders": [], "links": []}
    contents: dict[str, bytes | Path] = {}

    def walk(folder: Path, name: str, above: frozenset[tuple[int, int]]) -> None:
        now = folder.stat()
        above |= {(now.st_dev, now.st_ino)}
        for entry in sorted(folder.iterdir()):
            inner = f"{name}{entry.name}"
            real = entry.stat() if entry.exists() else None
            circle = real is not None and (real.st_dev, real.st_ino) in above
            if entry.is_symlink() and (not follow or real is None or circle):
                tree["links"].append([str(entry.readlink()), inner])
            elif entry.is_dir():
                tree["folders"].append(inner)
                walk(entry, f"{inner}/", above)
            elif entry.is_file():
                sha, source = load_content(entry, args)
                contents[sha] = source
                now = entry.stat()
                size = len(source) if isinstance(source, bytes) else now.st_size
                tree["files"].append([inner, sha, now.st_mode & 0o7777, size])

    walk(top, "" if inside else f"{top.absolute().name}/", frozenset())
    return tree, contents
