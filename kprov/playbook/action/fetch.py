"""ansible.builtin.fetch: what came from the host is written here."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from kprov.agent.context import truth
from kprov.playbook.action.base import Call, Remote


def prepare(call: Call) -> Remote:
    return Remote("slurp", {"src": call.args["src"]})


def finish(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Write the file below dest, in a folder of the host's name unless `flat`."""
    if result.get("failed"):
        return (
            result
            if truth(call.args.get("fail_on_missing"), default=True)
            else {"changed": False, "msg": result["msg"]}
        )
    data = base64.b64decode(result["content"])
    dest, source = str(call.args["dest"]), str(call.args["src"])
    path = Path(dest)
    if truth(call.args.get("flat")):
        path = path / Path(source).name if dest.endswith("/") else path
    else:
        path = path / call.host / source.lstrip("/")
    path = path if path.is_absolute() else call.playbook_dir / path
    checksum = hashlib.sha1(data).hexdigest()  # noqa: S324 - Ansible's name for a file's checksum
    changed = not path.is_file() or path.read_bytes() != data
    if changed and not call.check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return {"changed": changed, "dest": str(path), "checksum": checksum, "file": source}
