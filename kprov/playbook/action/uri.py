"""ansible.builtin.uri: files of the operator's that a request sends."""

from __future__ import annotations

from pathlib import Path

from kprov.playbook.action.base import ActionError, Call, Remote, content
from kprov.transport.modules import truth


def prepare(call: Call) -> Remote:
    """`src`, and the files of a form, travel unless they are the host's."""
    args = dict(call.args)
    contents: dict[str, bytes | Path] = {}
    if truth(args.get("remote_src")):
        return Remote("uri", args)
    if args.get("src"):
        path = call.find(str(args["src"]), "files")
        args["_sha256"], source = content(path)
        contents[args["_sha256"]] = source
    elif args.get("body_format") == "form-multipart":
        body = args.get("body")
        if not isinstance(body, dict):
            raise ActionError(f"body must be mapping, cannot be type {type(body).__name__}")
        sent = {}
        for name, value in body.items():
            if isinstance(value, dict) and value.get("filename") and not value.get("content"):
                sent[name], source = content(call.find(str(value["filename"]), "files"))
                contents[sent[name]] = source
        args["_files"] = sent
    return Remote("uri", args, contents)
