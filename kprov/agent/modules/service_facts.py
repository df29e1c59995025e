# The signature is what callers expect.
# ruff: noqa: ARG001
"""ansible.builtin.service_facts, from systemd."""

from __future__ import annotations

from typing import Any

from kprov.agent import process
from kprov.agent.context import Context


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """ansible_facts.services: {name: {name, state, status, source}}."""
    services: dict[str, dict[str, str]] = {}
    _, units, _ = process.run(
        ["systemctl", "list-units", "--no-pager", "--no-legend", "--plain", "--all", "--type=service"]
    )
    for line in units.splitlines():
        fields = line.split(None, 4)
        if len(fields) >= 4:
            state = "running" if fields[3] == "running" else "stopped" if fields[2] != "failed" else "failed"
            status = "unknown" if fields[1] != "not-found" else "not-found"
            services[fields[0]] = {"name": fields[0], "state": state, "status": status, "source": "systemd"}
    _, unit_files, _ = process.run(
        ["systemctl", "list-unit-files", "--no-pager", "--no-legend", "--type=service"]
    )
    for line in unit_files.splitlines():
        fields = line.split()
        if len(fields) >= 2:
            service = services.setdefault(
                fields[0], {"name": fields[0], "state": "inactive", "source": "systemd"}
            )
            service["status"] = fields[1]
    return {"ansible_facts": {"services": services}}
