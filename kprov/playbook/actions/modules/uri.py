"""ansible.builtin.uri: send the files of this machine that a request needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov.playbook.actions.call import ActionError, Call, ModuleCall, hash_file
from kprov.transport.agent_modules import parse_boolean


def prepare(call: Call) -> ModuleCall | list[ModuleCall]:
    """Send `src` and the files of a form, unless they are on the host. In check mode send no request."""
    if call.check:
        return []
    args = dict(call.args)
    contents: dict[str, bytes | Path] = {}
    if parse_boolean(args.get("remote_src")):
        return ModuleCall("uri", args)
    if args.get("src"):
        path = call.find_file(str(args["src"]), "files")
        args["_sha256"], source = hash_file(path)
        contents[args["_sha256"]] = source
    elif args.get("body_format") == "form-multipart":
        body = args.get("body")
        if not isinstance(body, dict):
            raise ActionError(f"body must be mapping, cannot be type {type(body).__name__}")
        files = {}
        for name, value in body.items():
            if isinstance(value, dict) and value.get("filename") and not value.get("content"):
                files[name], source = hash_file(call.find_file(str(value["filename"]), "files"))
                contents[files[name]] = source
        args["_files"] = files
    return ModuleCall("uri", args, contents)


def finish(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of the module; in check mode a skipped one."""
    if call.check:
        text = f"This action ({call.task.action}) does not support check mode."
        return {"changed": False, "skipped": True, "msg": text}
    return result
