"""ansible.builtin.deb822_repository: a source of packages, and the key that signs it."""

from __future__ import annotations

import os
import re
import textwrap
import urllib.parse
from typing import Any

from kprov.agent import checksums
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths
from kprov.agent.files.attributes import set_attributes
from kprov.agent.web import url_requests

_KEYRINGS = "/etc/apt/keyrings"
_SOURCES = "/etc/apt/sources.list.d"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "allow_downgrade_to_insecure": {"type": "bool"},
    "allow_insecure": {"type": "bool"},
    "allow_weak": {"type": "bool"},
    "architectures": {"type": "list", "elements": "str"},
    "by_hash": {"type": "bool"},
    "check_date": {"type": "bool"},
    "check_valid_until": {"type": "bool"},
    "components": {"type": "list", "elements": "str"},
    "date_max_future": {"type": "int"},
    "enabled": {"type": "bool"},
    "inrelease_path": {},
    "languages": {"type": "list", "elements": "str"},
    "name": {"required": True},
    "pdiffs": {"type": "bool"},
    "signed_by": {},
    "suites": {"type": "list", "elements": "str"},
    "targets": {"type": "list", "elements": "str"},
    "trusted": {"type": "bool"},
    "types": {"type": "list", "elements": "str", "choices": ["deb", "deb-src"], "default": ["deb"]},
    "uris": {"type": "list", "elements": "str"},
    "mode": {"type": "raw", "default": "0644"},
    "state": {"choices": ["present", "absent"], "default": "present"},
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Write or remove /etc/apt/sources.list.d/NAME.sources."""
    slug = re.sub(r"[^a-z0-9-]+", "", re.sub(r"[_\s]+", "-", args["name"].lower()))
    dest = f"{_SOURCES}/{slug}.sources"
    if args["state"] == "absent":
        return _remove_source(slug, dest, context)
    fields = {
        name: value for name, value in args.items() if name not in ("mode", "state") and value is not None
    }
    changed, key = False, None
    text = ""
    if "signed_by" in fields:
        changed, key, fields["signed_by"] = _install_key(fields["signed_by"], slug, context)
    for name, value in sorted(fields.items()):
        text += f"{_format_field(name)}:{_format_value(value)}\n"
    text_changed = _write_source(dest, text.encode(), context)
    mode_changed = set_attributes(dest, {"mode": args["mode"]}, check=context.check)
    result = {
        "repo": text,
        "changed": changed or text_changed or mode_changed,
        "dest": dest,
        "key_filename": key,
    }
    return {**result, **paths.path_info(dest)}


def _remove_source(slug: str, dest: str, context: Context) -> dict[str, Any]:
    keys = [f"{_KEYRINGS}/{slug}.{ending}" for ending in ("asc", "gpg")]
    existing = [path for path in (dest, *keys) if os.path.exists(path)]
    for path in existing if not context.check else ():
        os.unlink(path)
    result = {"repo": None, "changed": bool(existing), "dest": dest, "key_filename": keys[-1]}
    return {**result, **paths.path_info(dest)}


def _format_field(name: str) -> str:
    return {"name": "X-Repolib-Name", "uris": "URIs"}.get(name) or name.replace("_", "-").title()


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return " yes" if value else " no"
    text = " ".join(value) if isinstance(value, list) else str(value)
    if "\n" not in text:
        return f" {text}" if text else ""
    lines = (line.strip() or "." for line in text.strip().splitlines())
    return "\n" + textwrap.indent("\n".join(lines), "    ")


def _install_key(value: str, slug: str, context: Context) -> tuple[bool, str | None, str]:
    """Install the key; return whether it changed, its path, and the value of Signed-By (path or key)."""
    if os.path.isfile(value):
        return False, value, value
    if not urllib.parse.urlparse(value).scheme:
        return False, None, value
    options = {name: entry.get("default") for name, entry in url_requests.ARGUMENTS.items()}
    response, info = url_requests.fetch(url_requests.Request(value, options))
    if response is None or response.code >= 400:
        reason = info["msg"].replace("Request failed: ", "")
        raise ModuleError(f"Could not fetch signed_by key: {reason}")
    data = response.stream.read()
    if not data:
        return False, value, value
    armoured = b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in data
    path = f"{_KEYRINGS}/{slug}.{'asc' if armoured else 'gpg'}"
    changed = False
    if paths.sha256(path) != checksums.hash_bytes("sha256", data):
        changed = True
        if not context.check:
            os.makedirs(_KEYRINGS, exist_ok=True)
            set_attributes(_KEYRINGS, {"owner": "root", "group": "root", "mode": "0755"}, check=False)
            paths.write_file(path, data, {"mode": "0644", "follow": False})
    return set_attributes(path, {"mode": "0644"}, check=context.check) or changed, path, path


def _write_source(path: str, data: bytes, context: Context) -> bool:
    if os.path.isfile(path) and paths.read_bytes(path) == data:
        return False
    if not context.check:
        paths.write_file(path, data, {"follow": False})
    return True
