# The signature is what callers expect.
# ruff: noqa: ARG001
"""ansible.builtin.ping."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Answer with `data`, as Ansible's does."""
    return {"ping": args.get("data", "pong")}
