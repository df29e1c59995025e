# Paths are used as the texts they arrive as.
# The signature is what callers expect.
# ruff: noqa: ARG001, PTH102, PTH104, PTH106, PTH108, PTH110, PTH111, PTH112, PTH114, PTH115
# ruff: noqa: PTH118, PTH120, PTH121, PTH208, PTH211
"""ansible.builtin.file."""

from __future__ import annotations

import os
import shutil
from typing import Any

from kprov.agent import files
from kprov.agent.context import Context, ModuleError, truth


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring a path to a state: directory, file, link, hard, touch, absent."""
    path = os.path.expanduser(args.get("path") or args.get("dest") or args.get("name") or "")
    before = files.describe(path)
    state = args.get("state")
    if state is None:
        state = (
            "directory"
            if truth(args.get("recurse"))
            else before["state"]
            if before["state"] != "absent"
            else "file"
        )
    steps = {
        "directory": _directory,
        "file": _file,
        "link": _link,
        "hard": _hard,
        "touch": _touch,
        "absent": _absent,
    }
    if state not in steps:
        raise ModuleError(f"value of state must be one of: {', '.join(sorted(steps))}, got: {state}")
    result: dict[str, Any] = (
        {"path": path} if state not in ("link", "hard") else {"dest": path, "src": args.get("src")}
    )
    result["changed"] = steps[state](path, args, context, before["state"])
    if context.diff and result["changed"]:
        after = {"path": path, "state": state}
        result["diff"] = {"before": {"path": path, "state": before["state"]}, "after": after}
        for key in ("owner", "group", "mode"):
            if args.get(key) is not None and before.get(key) not in (None, str(args[key])):
                result["diff"]["before"][key], after[key] = before[key], args[key]
    result.update(files.describe(path) if not context.check and state != "absent" else {"state": state})
    return result


def _directory(path: str, args: dict[str, Any], context: Context, now: str) -> bool:
    changed = False
    if now == "link" and os.path.isdir(path):
        now = "directory"
    if now == "absent":
        changed = True
        if not context.check:
            # Every directory made on the way has the wanted attributes, as Ansible does it.
            made = ""
            for part in path.strip("/").split("/"):
                made = f"{made}/{part}" if made or path.startswith("/") else part
                if not os.path.isdir(made):
                    os.mkdir(made)
                    files.set_attributes(made, args, check=False)
    elif now != "directory":
        raise ModuleError(f"{path} already exists as a {now}", path=path)
    changed = files.set_attributes(path, args, check=context.check) or changed
    if truth(args.get("recurse")) and now == "directory":
        for folder, folders, names in os.walk(path):
            for name in folders + names:
                inner = os.path.join(folder, name)
                follow = not os.path.islink(inner)
                changed = files.set_attributes(inner, args, check=context.check, follow=follow) or changed
    return changed


def _file(path: str, args: dict[str, Any], context: Context, now: str) -> bool:
    if now == "absent":
        raise ModuleError(f"file ({path}) is absent, cannot continue", path=path, state="absent")
    if now == "directory":
        raise ModuleError(f"file ({path}) is directory, cannot continue", path=path, state=now)
    return files.set_attributes(path, args, check=context.check)


def _touch(path: str, args: dict[str, Any], context: Context, now: str) -> bool:
    keep = [args.get(f"{kind}_time") == "preserve" for kind in ("access", "modification")]
    if now != "absent" and all(keep):
        return files.set_attributes(path, args, check=context.check)
    if not context.check:
        with open(path, "ab"):
            os.utime(path)
        files.set_attributes(path, args, check=False)
    return True


def _absent(path: str, args: dict[str, Any], context: Context, now: str) -> bool:
    if now == "absent":
        return False
    if not context.check:
        if now == "directory":
            shutil.rmtree(path)
        else:
            os.unlink(path)
    return True


def _link(path: str, args: dict[str, Any], context: Context, now: str) -> bool:
    source, force = args.get("src"), truth(args.get("force"))
    if source is None:
        if now == "link":
            return files.set_attributes(path, args, check=context.check, follow=False)
        raise ModuleError("src is required for creating new links")
    if now == "link" and os.readlink(path) == source:
        follow = truth(args.get("follow"), default=True)
        return os.path.exists(path) and files.set_attributes(path, args, check=context.check, follow=follow)
    if now == "directory" and (os.listdir(path) or not force):
        raise ModuleError(f"refusing to convert from directory to symlink for {path}", path=path)
    if now == "file" and not force:
        raise ModuleError(f"refusing to convert from file to symlink for {path}", path=path)
    absolute = os.path.join(os.path.dirname(path), source)
    if not os.path.exists(absolute) and not force:
        raise ModuleError(
            f'src file does not exist, use "force=yes" if you really want to create the link: {absolute}',
            path=path,
            src=source,
        )
    if not context.check:
        if now == "directory":
            os.rmdir(path)
        aside = f"{path}.kprov-{os.getpid()}"
        os.symlink(source, aside)
        os.rename(aside, path)
        files.sync_folder(os.path.dirname(path) or ".")
        if os.path.exists(path):
            files.set_attributes(path, args, check=False, follow=truth(args.get("follow"), default=True))
    return True


def _hard(path: str, args: dict[str, Any], context: Context, now: str) -> bool:
    source = args["src"]
    if now != "absent" and os.path.samefile(path, source):
        return files.set_attributes(path, args, check=context.check)
    if now != "absent" and not truth(args.get("force")):
        raise ModuleError(f"Cannot link, {now} exists at destination {path}", path=path)
    if not context.check:
        aside = f"{path}.kprov-{os.getpid()}"
        os.link(source, aside)
        os.rename(aside, path)
    return True
