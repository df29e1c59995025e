"""Copies whole folders, from the operator or from this host."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent.context import Context
from kprov.agent.files import content_placement, paths
from kprov.agent.files.attributes import set_attributes


def place_tree(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Copy a tree of the operator into `dest`; return the result of Ansible's copy.

    `_tree` is {"files": [[name, sha256, mode, size], ...], "folders": [name, ...],
    "links": [[target, name], ...]}, names below dest, folders before what is in them.
    """
    dest = args["dest"] if args["dest"].endswith("/") else args["dest"] + "/"
    tree = args["_tree"]
    common_args = {**args, "dest": dest, "follow": args["follow"] and not tree["folders"]}
    results = []
    for name, sha256, mode, size in tree["files"]:
        file_args = {**common_args, "_name": name, "_sha256": sha256, "_mode": mode, "_size": size}
        results.append(content_placement.place_content(file_args, context))
    results += [_make_folder(os.path.join(dest, name), args, context) for name in tree["folders"]]
    results += [_make_link(os.path.join(dest, name), target, args, context) for target, name in tree["links"]]
    changed = any(result["changed"] for result in results)
    diffs = [entry for result in results for entry in result.get("diff") or [] if isinstance(entry, dict)]
    if results and len(tree["files"]) == 1:
        result_of_file = {**results[-1], "changed": changed}
        return {**result_of_file, "dest": result_of_file.get("dest", result_of_file.get("path"))}
    result = {"changed": changed, "dest": dest, "src": args.get("_src")}
    return {**result, "diff": diffs} if context.diff and diffs else result


def _make_folder(path: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    attributes = {**args, "mode": args.get("directory_mode")}
    if not paths.is_folder(path):
        if not context.check:
            content_placement.make_folders(path, args)
        return {"changed": True, "path": path, **paths.path_info(path)}
    changed = set_attributes(path, attributes, check=context.check)
    return {"changed": changed, "path": path, **paths.path_info(path)}


def _make_link(path: str, target: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    changed = not paths.is_link(path) or paths.link_target(path) != target
    if changed and not context.check:
        content_placement.make_folders(os.path.dirname(path), args)
        paths.replace_with_link(target, path)
    if not (changed and context.check):
        changed = set_attributes(path, args, check=context.check, follow=False) or changed
    return {"changed": changed, "dest": path, "src": target, **paths.path_info(path)}


def copy_tree(src: str, dest: str, args: dict[str, Any], context: Context) -> bool:
    """Copy a folder of this host into `dest`, or only its content if src ends with "/".

    Files keep their modes; owner and group come from the arguments. Other files in dest stay.
    """
    if not src.endswith("/"):
        dest = os.path.join(dest, os.path.basename(src))
    follow = args.get("local_follow") is True
    changed = _copy_folder(src, dest, args, context, follow=follow)
    ownership = {"owner": args.get("owner"), "group": args.get("group")}
    if paths.is_folder(dest):
        changed = set_attributes(dest, ownership, check=context.check, follow=False) or changed
        for folder, folders, names in paths.walk(dest):
            for name in folders + names:
                path = os.path.join(folder, name)
                changed = set_attributes(path, ownership, check=context.check, follow=False) or changed
    return changed


def _copy_folder(src: str, dest: str, args: dict[str, Any], context: Context, *, follow: bool) -> bool:
    changed = False
    if not paths.is_folder(dest):
        changed = True
        if not context.check:
            os.makedirs(dest)
            import shutil

            shutil.copystat(src, dest)
    for name in paths.list_names(src):
        source, target = os.path.join(src, name), os.path.join(dest, name)
        if paths.is_link(source) and not follow:
            if not paths.is_link(target) or paths.link_target(target) != paths.link_target(source):
                changed = True
                if not context.check:
                    paths.replace_with_link(paths.link_target(source), target)
        elif paths.is_folder(source):
            changed = _copy_folder(source, target, args, context, follow=follow) or changed
        elif paths.is_file(source) and paths.sha256(source) != paths.sha256(target):
            changed = True
            if not context.check:
                paths.replace_file(
                    paths.make_temporary_copy(source, dest), target, {"follow": True}, keep=False
                )
                import shutil

                shutil.copymode(source, target)
    return changed
