"""ansible.builtin.file: files, directories and links, and their attributes."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import file_times, links, paths
from kprov.agent.files.attributes import set_attributes

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"choices": ["absent", "directory", "file", "hard", "link", "touch"]},
    "path": {"type": "path", "required": True, "aliases": ["dest", "name"]},
    "recurse": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "follow": {"type": "bool", "default": True},
    "src": {"type": "path"},
    "modification_time": {},
    "modification_time_format": {"default": "%Y%m%d%H%M.%S"},
    "access_time": {},
    "access_time_format": {"default": "%Y%m%d%H%M.%S"},
}
RULES: dict[str, Any] = {"diff": True, "file_arguments": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Bring a path to a state: directory, file, link, hard, touch, absent."""
    state = args["state"]
    if state not in ("link", "absent") and args["src"] and paths.is_folder(args["path"]):
        args["path"] = os.path.join(args["path"], os.path.basename(args["src"]))
    path, current = args["path"], paths.path_state(args["path"])
    if state is None:
        state = current if current != "absent" else "directory" if args["recurse"] else "file"
    if args["recurse"] and state != "directory":
        raise ModuleError(
            "recurse option requires state to be 'directory'", path=path, **paths.path_info(path)
        )
    if args["src"] and state not in ("link", "hard"):
        text = "src option requires state to be 'link' or 'hard'"
        raise ModuleError(text, path=path, **paths.path_info(path))
    steps = {"directory": _make_directory, "file": _change_file, "touch": _touch_path, "absent": _remove_path}
    steps.update(link=links.make_symbolic, hard=links.make_hard)
    args["_times"] = file_times.parse_times(args, state)
    try:
        result = steps[state](args, context)
    except ModuleError as error:
        error.result.setdefault("path", path)
        error.result = {**paths.path_info(path), **error.result}
        raise
    if not context.diff:
        result.pop("diff", None)
    return {**result, **paths.path_info(result.get("path") or result["dest"])}


def _set_attributes_and_times(
    path: str, args: dict[str, Any], context: Context, diff: dict[str, Any]
) -> bool:
    changed = set_attributes(path, args, check=context.check, follow=False, diff=diff)
    return file_times.set_times(path, args["_times"], check=context.check, diff=diff) or changed


def _make_directory(args: dict[str, Any], context: Context) -> dict[str, Any]:
    path = args["path"]
    if args["follow"] and paths.is_link(path):
        path = os.path.realpath(path)
    current = paths.path_state(path)
    diff = links.state_difference(path, "directory", current)
    if current == "absent":
        if not context.check:
            _make_directories(path, args, context, diff)
        return {"path": path, "changed": True, "diff": diff}
    if current != "directory":
        raise ModuleError(f"{path} already exists as a {current}")
    changed = _set_attributes_and_times(path, args, context, diff)
    if args["recurse"]:
        changed = _set_attributes_below(path, args, context, set()) or changed
    return {"path": path, "changed": changed, "diff": diff}


def _make_directories(path: str, args: dict[str, Any], context: Context, diff: dict[str, Any]) -> None:
    """Make a directory and its missing parents. As in Ansible, each of them gets the attributes."""
    current = ""
    try:
        for part in path.strip("/").split("/"):
            current = f"{current}/{part}" if current or path.startswith("/") else part
            if not paths.exists(current):
                os.mkdir(current)
                set_attributes(current, args, check=False, follow=False, diff=diff)
                if current == path:
                    file_times.set_times(path, args["_times"], check=context.check, diff=diff)
    except (OSError, ModuleError) as error:
        raise ModuleError(f"There was an issue creating {current} as requested: {error}") from None


def _set_attributes_below(path: str, args: dict[str, Any], context: Context, seen: set[str]) -> bool:
    """Set the attributes of everything below a directory; with `follow`, also of the targets of links."""
    changed = False
    if os.path.realpath(path) in seen:
        return False
    seen.add(os.path.realpath(path))
    for folder, folders, names in paths.walk(path):
        for name in folders + names:
            entry = os.path.join(folder, name)
            changed = set_attributes(entry, args, check=context.check, follow=False) or changed
            if not paths.is_link(entry):
                changed = file_times.set_times(entry, args["_times"], check=context.check, diff={}) or changed
            elif args["follow"] and paths.exists(entry):
                target = os.path.realpath(entry)
                if paths.is_folder(target):
                    changed = _set_attributes_below(target, args, context, seen) or changed
                changed = set_attributes(target, args, check=context.check, follow=False) or changed
    return changed


def _change_file(args: dict[str, Any], context: Context) -> dict[str, Any]:
    path = args["path"]
    if args["follow"] and paths.is_link(path):
        path = os.path.realpath(path)
    current = paths.path_state(path)
    if current not in ("file", "hard"):
        raise ModuleError(f"file ({path}) is {current}, cannot continue", path=path, state=current)
    diff = links.state_difference(path, "file", current)
    return {"path": path, "changed": _set_attributes_and_times(path, args, context, diff), "diff": diff}


def _touch_path(args: dict[str, Any], context: Context) -> dict[str, Any]:
    path = args["path"]
    target = os.path.realpath(path) if args["follow"] and paths.is_link(path) else path
    current = paths.path_state(path)
    if current == "absent" and context.check:
        return {"dest": path, "changed": True}
    diff = links.state_difference(path, "touch", current)
    if not paths.exists(path):
        with open(path, "ab"):
            pass
    try:
        changed = _set_attributes_and_times(target, args, context, diff)
    except ModuleError:
        if current == "absent":
            os.unlink(path)
        raise
    return {"dest": path, "changed": changed or current == "absent", "diff": diff}


def _remove_path(args: dict[str, Any], context: Context) -> dict[str, Any]:
    path = args["path"]
    current = paths.path_state(path)
    if current == "absent":
        return {"path": path, "changed": False, "state": "absent"}
    diff = links.state_difference(path, "absent", current)
    if not context.check:
        try:
            if current == "directory":
                import shutil

                shutil.rmtree(path)
            else:
                os.unlink(path)
        except OSError as error:
            text = f"rmtree failed: {error}" if current == "directory" else f"Unlinking failed: {error}"
            raise ModuleError(text) from None
    return {"path": path, "changed": True, "diff": diff, "state": "absent"}
