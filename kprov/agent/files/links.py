"""Makes symbolic and hard links for ansible.builtin.file."""

from __future__ import annotations

import os
import time
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import file_times, paths
from kprov.agent.files.attributes import has_attributes, set_attributes


def state_difference(path: str, state: str, current: str) -> dict[str, Any]:
    """Return the diff of a change of state; for a removed directory it lists the content."""
    before: dict[str, Any] = {"path": path}
    after: dict[str, Any] = {"path": path}
    if state != current:
        before["state"], after["state"] = current, state
        if (state, current) == ("absent", "directory"):
            content: dict[str, list[str]] = {"directories": [], "files": []}
            for folder, folders, names in paths.walk(path):
                content["directories"] += [os.path.join(folder, name) for name in folders]
                content["files"] += [os.path.join(folder, name) for name in names]
            before["path_content"] = content
    return {"before": before, "after": after}


def make_symbolic(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make a symbolic link at `path` to `src`. Without `src`, change only an existing link's attributes."""
    path, src, follow = args["path"], args["src"], args["follow"]
    current = paths.path_state(path)
    if src is None and follow and current == "link" and paths.exists(path):
        src = paths.link_target(path)
    if src is not None and not args["force"]:
        _check_target(path, src, current)
    _check_convertible(path, current, force=args["force"])
    if current != "link" and src is None:
        raise ModuleError("src is required for creating new symlinks")
    diff = state_difference(path, "link", current)
    changed = current != "link"
    if current == "link" and src is not None and paths.link_target(path) != src:
        changed = True
        diff["before"]["src"], diff["after"]["src"] = paths.link_target(path), src
    result = {"dest": path, "src": src, "changed": changed, "diff": diff}
    if changed and not context.check:
        _make_link(path, current, lambda aside: os.symlink(src, aside))
    if context.check and not paths.exists(path):
        return result
    target = os.path.realpath(path) if follow and paths.is_link(path) else path
    if follow and not paths.exists(target):
        text = "Cannot set fs attributes on a non-existent symlink target."
        result["warnings"] = [f"{text} follow should be set to False to avoid this."]
        return result
    if has_attributes(args) and not (context.check and changed):
        result["changed"] = (
            set_attributes(target, args, check=context.check, follow=False, diff=diff) or changed
        )
    if file_times.set_times(target, args["_times"], check=context.check, diff=diff):
        result["changed"] = True
    return result


def _check_target(path: str, src: str, current: str) -> None:
    base = path if current == "directory" else os.path.dirname(path)
    if not paths.exists(os.path.join(base, src)):
        text = "src file does not exist, use 'force=yes' if you really want to create the link: "
        raise ModuleError(text + os.path.join(base, src), path=path, src=src)


def _check_convertible(path: str, current: str, *, force: bool) -> None:
    if current == "directory" and force and paths.list_names(path):
        raise ModuleError(f"the directory {path} is not empty, refusing to convert it")
    if current in ("directory", "file", "hard") and not force:
        raise ModuleError(f"refusing to convert from {current} to symlink for {path}")


def _make_link(path: str, current: str, make: Any) -> None:
    aside = os.path.join(os.path.dirname(path), f".{os.getpid()}.{time.time()}.tmp")
    try:
        if current == "directory":
            os.rmdir(path)
        make(aside)
        os.rename(aside, path)
        paths.sync_folder(os.path.dirname(path) or ".")
    except OSError as error:
        if os.path.lexists(aside):
            os.unlink(aside)
        action = "linking" if current == "absent" else "replacing"
        raise ModuleError(f"Error while {action}: {error}") from None


def make_hard(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make a hard link at `path` to the file `src`."""
    path, src = args["path"], args["src"]
    current = paths.path_state(path)
    if current != "hard" and src is None:
        raise ModuleError("src is required for creating new hardlinks")
    if src is not None and not paths.exists(src):
        raise ModuleError("src does not exist", dest=path, src=src)
    diff = state_difference(path, "hard", current)
    changed = _compare_hard(args, current, diff)
    result = {"dest": path, "src": src, "changed": changed, "diff": diff}
    if changed and not context.check:
        source = os.path.realpath(src) if args["follow"] and paths.is_link(src) else src
        _make_link(path, current, lambda aside: os.link(source, aside))
    if context.check and not paths.exists(path):
        return result
    if not (context.check and changed):
        target = os.path.realpath(path) if args["follow"] and paths.is_link(path) else path
        attributes = set_attributes(target, args, check=context.check, follow=False, diff=diff)
        times = file_times.set_times(target, args["_times"], check=context.check, diff=diff)
        result["changed"] = attributes or times or changed
    return result


def _compare_hard(args: dict[str, Any], current: str, diff: dict[str, Any]) -> bool:
    """Return whether the hard link must be made. Raises ModuleError if something else must stay."""
    path, src = args["path"], args["src"]
    changed = current != "hard"
    if current == "link":
        changed = paths.link_target(path) != src
        if changed:
            diff["before"]["src"], diff["after"]["src"] = paths.link_target(path), src
    elif current == "hard" and src is not None and not os.path.samefile(path, src):
        changed = True
        if not args["force"]:
            text = "Cannot link, different hard link exists at destination"
            raise ModuleError(text, dest=path, src=src)
    elif current == "file" and not args["force"]:
        raise ModuleError(f"Cannot link, {current} exists at destination", dest=path, src=src)
    elif current == "directory":
        raise ModuleError("Cannot link: different hard link exists at destination", dest=path, src=src)
    return changed
