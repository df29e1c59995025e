# The signature is what callers expect.
# ruff: noqa: ARG001
"""ansible.builtin.slurp."""

from __future__ import annotations

import base64
from typing import Any

from kprov.agent.context import Context, ModuleError


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """A file's content in base64."""
    path = args.get("src") or args.get("path") or ""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise ModuleError(f"file not found: {path}") from None
    return {"content": base64.b64encode(content).decode(), "source": path, "encoding": "base64"}
