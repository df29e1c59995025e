"""ansible.builtin.stat: facts about a path."""

from __future__ import annotations

import os
from typing import Any

from kprov.agent import process
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import attributes, path_facts, paths

ALGORITHMS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True, "aliases": ["dest", "name"]},
    "follow": {"type": "bool", "default": False},
    "get_checksum": {"type": "bool", "default": True},
    "get_mime": {"type": "bool", "default": True, "aliases": ["mime", "mime_type", "mime-type"]},
    "get_attributes": {"type": "bool", "default": True, "aliases": ["attr", "attributes"]},
    "checksum_algorithm": {
        "default": "sha1",
        "choices": ALGORITHMS,
        "aliases": ["checksum", "checksum_algo"],
    },
}
RULES: dict[str, Any] = {"read_only": True}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return `stat` with Ansible's names; for a missing path only `exists`, which is false."""
    path = args["path"]
    try:
        status = os.stat(path) if args["follow"] else os.lstat(path)
    except FileNotFoundError:
        return {"changed": False, "stat": {"exists": False}}
    except OSError as error:
        raise ModuleError(str(error.strerror)) from None
    facts: dict[str, Any] = {"exists": True, "path": path, **path_facts.read_facts(status)}
    facts.update(blocks=status.st_blocks, block_size=status.st_blksize, device_type=status.st_rdev)
    facts.update(
        readable=os.access(path, os.R_OK),
        writeable=os.access(path, os.W_OK),
        executable=os.access(path, os.X_OK),
    )
    if facts["islnk"]:
        facts["lnk_source"], facts["lnk_target"] = os.path.realpath(path), paths.link_target(path)
    facts.update(path_facts.read_owners(status))
    if facts["isreg"] and facts["readable"] and args["get_checksum"]:
        facts["checksum"] = paths.hash_file(path, args["checksum_algorithm"])
    if args["get_mime"]:
        facts.update(_read_mime(path))
    if args["get_attributes"]:
        facts.update({"version": None, "attributes": [], "attr_flags": "", **attributes.read_flags(path)})
    return {"changed": False, "stat": facts}


def _read_mime(path: str) -> dict[str, str]:
    types = {"mimetype": "unknown", "charset": "unknown"}
    import shutil

    if shutil.which("file"):
        code, out, _ = process.run_program(["file", "--mime-type", "--mime-encoding", path])
        kind, semicolon, charset = out.rpartition(":")[2].partition(";")
        if code == 0 and semicolon:
            types = {"mimetype": kind.strip(), "charset": charset.partition("=")[2].strip()}
    return types
