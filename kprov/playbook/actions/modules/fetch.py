"""ansible.builtin.fetch: read a file of the host and write it on this machine."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from kprov.inventory import trust
from kprov.playbook.actions.call import ActionError, Call, ModuleCall

ARGUMENTS: dict[str, dict[str, Any]] = {
    "src": {"required": True},
    "dest": {"required": True},
    "flat": {"type": "bool", "default": False},
    "fail_on_missing": {"type": "bool", "default": True},
    "validate_checksum": {"type": "bool", "default": True},
}
RULES: dict[str, Any] = {"check_mode": False}


def prepare(call: Call) -> ModuleCall:
    """Read the file on the host."""
    _flat_path(call) if call.args.get("flat") else _host_path(call, str(call.args["src"]))
    return ModuleCall("slurp", {"src": call.args["src"]})


def finish(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Write the file below dest, in a folder with the name of the host unless `flat`."""
    if call.check:
        return {
            "changed": False,
            "skipped": True,
            "msg": "check mode not (yet) supported for this module",
        }
    source = str(call.args["src"])
    if result.get("failed"):
        return _missing_file_result(call, result, source)
    try:
        data = base64.b64decode(result["content"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise ActionError(f"the host sent no content of {source}") from None
    path = _flat_path(call) if call.args.get("flat") else _host_path(call, source)
    here = path.read_bytes() if path.is_file() else None
    sums = _checksums(data)
    if here == data:
        trust.remember_fetched(path, call.host)
        return {"changed": False, "file": source, "dest": str(path), **sums}
    _write_file(path, data)
    trust.remember_fetched(path, call.host)
    checksums = _checksums(path.read_bytes())
    if call.args.get("validate_checksum", True) and checksums != sums:
        text = "checksum mismatch"
        return {"changed": False, "failed": True, "msg": text, "file": source, "dest": str(path), **checksums}
    remote = {"remote_checksum": sums["checksum"], "remote_md5sum": None}
    return {"changed": True, "dest": str(path), **sums, **remote}


def _missing_file_result(call: Call, result: dict[str, Any], source: str) -> dict[str, Any]:
    text = str(result.get("msg", ""))
    if "not found" in text:
        text = "the remote file does not exist, not transferring, ignored"
    elif text.lower().startswith("source is a directory"):
        text = "remote file is a directory, fetch cannot work on directories"
    if call.args.get("fail_on_missing", True):
        return {**result, "msg": text}
    return {"changed": False, "file": source, "msg": text}


def _host_path(call: Call, source: str) -> Path:
    base = call.playbook_dir / Path(str(call.args["dest"])).expanduser()
    folder = Path(os.path.normpath(f"{base}/{call.host}"))
    path = Path(os.path.normpath(f"{folder}/{source}"))
    # The name of the file is often an answer of the host, for example of the module find.
    if folder not in path.parents:
        raise ActionError(f"{source!r} would be written to {path}, which is outside of {folder}")
    return path


def _flat_path(call: Call) -> Path:
    dest = str(call.args["dest"])
    path = call.playbook_dir / Path(dest).expanduser()
    if dest.endswith("/"):
        path = path / Path(str(call.args["src"])).name
        if path.is_dir():
            raise ActionError(
                f"calculated dest '{path}' is an existing directory, "
                "use another path that does not point to an existing directory"
            )
    elif path.is_dir():
        raise ActionError(
            "dest is an existing directory, use a trailing slash if you want to fetch src into that directory"
        )
    return Path(os.path.normpath(path))


def _checksums(data: bytes) -> dict[str, str]:
    """Return checksums under Ansible's names; they detect changes and protect nothing."""
    return {
        "checksum": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "md5sum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
    }


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o7777 if path.exists() else None
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".kprov-", delete=False) as file:
        aside = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if mode is None:
                mask = os.umask(0o022)
                os.umask(mask)
                mode = 0o666 & ~mask
            aside.chmod(mode)
            aside.replace(path.resolve())
        except OSError:
            aside.unlink(missing_ok=True)
            raise
