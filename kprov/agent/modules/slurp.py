"""ansible.builtin.slurp: a file's content."""

from __future__ import annotations

import base64
import errno
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.files import paths

ARGUMENTS: dict[str, dict[str, Any]] = {"src": {"type": "path", "required": True, "aliases": ["path"]}}
RULES: dict[str, Any] = {"read_only": True}
_TEXTS = {
    errno.ENOENT: "File not found: ",
    errno.EACCES: "File is not readable: ",
    errno.EISDIR: "Source is a directory and must be a file: ",
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return a file's content in base64."""
    path = args["src"]
    try:
        content = paths.read_bytes(path)
    except OSError as error:
        raise ModuleError(_TEXTS.get(error.errno or 0, "Unable to slurp file: ") + path) from None
    return {
        "changed": False,
        "content": base64.b64encode(content).decode(),
        "source": path,
        "encoding": "base64",
    }
