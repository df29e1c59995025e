"""ansible.builtin.known_hosts: keys of SSH servers. It finds keys itself, as `ssh-keygen -F` does."""

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
    """Add a host's key to a known_hosts file (one key of each type), or remove it."""
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
        _check_key(host, key)
    exists = os.path.exists(path)
    lines = paths.read_text(path).splitlines(keepends=True) if exists else []
    host_exists, replace, line_number = _find_key(lines, host, key)
    after = list(lines)
    if (replace or not present) and line_number is not None:
        del after[line_number]
    if present and (replace or line_number is None):
        after.append(key)
    result["changed"] = False
    result["diff"] = {
        "before_header": path if exists else "/dev/null",
        "after_header": path,
        "before": "".join(lines),
        "after": "".join(after),
    }
    is_unknown_key = not present and line_number is None and bool(key)
    result["changed"] = not is_unknown_key and (replace or host_exists != present)
    if context.check and not is_unknown_key:
        return {"changed": result["changed"], "diff": result["diff"]}
    if result["changed"]:
        _write_change(host, key, path, after)
    return {**result, **paths.path_info(path)}


def _write_change(host: str, key: str, path: str, after: list[str]) -> None:
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
    host_field = 1 if words[0].startswith("@") else 0
    words[host_field] = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    return " ".join(words)


def _check_key(host: str, key: str) -> None:
    if re.search(r"\S+(\s+)?,(\s+)?", host):
        raise ModuleError(
            "Comma separated list of names is not supported. "
            "Please pass a single name to lookup in the known_hosts file."
        )
    if not _matches_host(key, host):
        raise ModuleError("Host parameter does not match hashed host field in supplied key")


def _parse_line(line: str) -> dict[str, str] | None:
    """Parse a line into marker ("", @cert-authority, @revoked), host, type and key; None if it has no key."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    marker = [words.pop(0)] if words[0].startswith("@") else [""]
    if len(words) < 3:
        return None
    return dict(zip(("marker", "host", "type", "key"), [*marker, *words[:3]]))


def _matches_host(line: str, host: str) -> bool:
    """Whether a line is for a host: by its hash, or by patterns, of which a negated one excludes the host."""
    fields = _parse_line(line)
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
        host_pattern = pattern.removeprefix("!")
        if fnmatch.fnmatchcase(host, host_pattern.replace("[", "[[]")):
            if pattern != host_pattern:
                return False
            matched = True
    return matched


def _find_key(lines: list[str], host: str, key: str) -> tuple[bool, bool, int | None]:
    """Return whether the host has a line, whether to write the key, and the index of the key's line."""
    host_lines = [index for index, line in enumerate(lines) if _matches_host(line, host)]
    new_fields = _parse_line(key)
    if not host_lines or new_fields is None:
        return bool(host_lines), False, None
    for index in host_lines:
        old_fields = _parse_line(lines[index]) or {}
        if not old_fields["marker"].startswith(("@cert-authority", "@revoke")):
            if new_fields["host"].startswith("|1|") and old_fields["host"].startswith("|1|"):
                # Each hash has a different salt. Keep the hash of the existing line.
                new_fields["host"] = old_fields["host"]
            if new_fields != old_fields and new_fields["type"] == old_fields["type"]:
                return True, True, index
        if new_fields == old_fields:
            return True, False, index
    return True, True, None
