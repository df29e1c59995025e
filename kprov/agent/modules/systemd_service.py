"""ansible.builtin.systemd_service and systemd."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context
from kprov.agent.services import systemd

ARGUMENTS: dict[str, dict[str, Any]] = systemd.ARGUMENTS
RULES: dict[str, Any] = systemd.RULES


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Mask, enable and start a unit as requested; before, reload or re-execute systemd if requested."""
    return systemd.manage_unit(args, context)
