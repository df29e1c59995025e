"""ansible.builtin.known_hosts; keys are looked for in-process, as `ssh-keygen -F` does."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac
import os
import re
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True, "aliases": ["host"]},
    "key": {},
    "path": {"type": "path", "default": "~/.ssh/known_hosts"},
    "hash_host": {"type": "bool", "default": False},
    "state": {"choices": ["absent", "present"], "default": "present"},
}
RULES: dict[str, Any] = {"diff": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a host's key in a known_hosts file, one of each type, or have it there no more."""
    result: dict[str, Any] = {name: args[name] for name in ARGUMENTS}
    host, path, present = args["name"].lower(), args["path"], args["state"] == "present"
    key = args["key"] or ""
    if not key and present:
        raise ModuleError("No key specified when adding a host")
    if key and args["hash_host"]:
        key = _hash_host(host, key)
    if key and not key.endswith("\n"):
        key += "\n"
    if key:
        _check(host, key)
    exists = os.path.exists(path)
    lines = paths.read_text(path).splitlines(keepends=True) if exists else []
    found, replace, line = _search(lines, host, key)
    after = list(lines)
    if (replace or not present) and line is not None:
        del after[line]
    if present and (replace or line is None):
        after.append(key)
    result["changed"] = False
    result["diff"] = {
        "before_header": path if exists else "/dev/null",
        "after_header": path,
        "before": "".join(lines),
        "after": "".join(after),
    }
    wrong = not present and line is None and bool(key)
    result["changed"] = not wrong and (replace or found != present)
    if context.check and not wrong:
        return {"changed": result["changed"], "diff": result["diff"]}
    if result["changed"]:
        _change(host, key, path, after)
    return {**result, **paths.path_info(path)}


def _change(host: str, key: str, path: str, after: list[str]) -> None:
    if not key:
        code, out, err = process.run_program(["ssh-keygen", "-R", host, "-f", path])
        if code:
            lines = {"stdout_lines": out.splitlines(), "stderr_lines": err.splitlines()}
            raise ModuleError(err.strip(), rc=code, stdout=out, stderr=err, **lines)
        return
    paths.write_file(path, "".join(after).encode("utf-8", "surrogateescape"), {})


def _hash_host(host: str, key: str) -> str:
    salt = os.urandom(20)
    digest = hmac.new(salt, host.encode(), hashlib.sha1).digest()
    words = key.split()
    where = 1 if words[0].startswith("@") else 0
    words[where] = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    return " ".join(words)


def _check(host: str, key: str) -> None:
    if re.search(r"\S+(\s+)?,(\s+)?", host):
        raise ModuleError(
            "Comma separated list of names is not supported. "
            "Please pass a single name to lookup in the known_hosts file."
        )
    if not _matches_host(key, host):
        raise ModuleError("Host parameter does not match hashed host field in supplied key")


def _fields(line: str) -> dict[str, str] | None:
    """The marker ("" or @cert-authority, @revoked), host, type and key of a line; None for what is no key."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = [words.pop(0)] if words[0].startswith("@") else [""]
    if len(words) < 3:
        return None
    return dict(zip(("marker", "host", "type", "key"), [*marker, *words[:3]]))


def _matches_host(line: str, host: str) -> bool:
    """Whether a line is about a host: hashed, or a list of patterns of which a negated one excludes."""
    fields = _fields(line)
    if fields is None:
        return False
    if fields["host"].startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part) for part in fields["host"].split("|")[2:4])
        except ValueError:
            return False
        return hmac.compare_digest(hmac.new(salt, host.encode(), hashlib.sha1).digest(), digest)
    matched = False
    for pattern in fields["host"].lower().split(","):
        plain = pattern.removeprefix("!")
        if fnmatch.fnmatchcase(host, plain.replace("[", "[[]")):
            if pattern != plain:
                return False
            matched = True
    return matched


def _search(lines: list[str], host: str, key: str) -> tuple[bool, bool, int | None]:
    """Whether the host is there, whether its key is to be replaced or added, and the line that is meant."""
    mine = [index for index, line in enumerate(lines) if _matches_host(line, host)]
    new = _fields(key)
    if not mine or new is None:
        return bool(mine), False, None
    for index in mine:
        old = _fields(lines[index]) or {}
        if not old["marker"].startswith(("@cert-authority", "@revoke")):
            if new["host"].startswith("|1|") and old["host"].startswith("|1|"):
                # A hash is another each time: the one that is there stays.
                new["host"] = old["host"]
            if new != old and new["type"] == old["type"]:
                return True, True, index
        if new == old:
            return True, False, index
    return True, True, None
