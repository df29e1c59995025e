"""ansible.builtin.systemd_service and systemd."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context
from kprov.agent.services import systemd

ARGUMENTS: dict[str, dict[str, Any]] = systemd.ARGUMENTS
RULES: dict[str, Any] = systemd.RULES


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Have a unit masked, enabled and in a state; reload or re-execute the manager first where asked."""
    return systemd.manage_unit(args, context)
