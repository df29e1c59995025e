# The signature is what callers expect.
# ruff: noqa: ARG001
"""ansible.builtin.package_facts, from dpkg's status file."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context, ModuleError


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """ansible_facts.packages: {name: [{name, version, arch, category, origin, source}]}."""
    try:
        with open("/var/lib/dpkg/status", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        raise ModuleError("Could not detect a supported package manager: kprov reads dpkg's") from None
    packages: dict[str, list[dict[str, str]]] = {}
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            packages.setdefault(fields["Package"], []).append(
                {
                    "name": fields["Package"],
                    "version": fields["Version"],
                    "arch": fields.get("Architecture", ""),
                    "category": fields.get("Section", ""),
                    "origin": "",
                    "source": "apt",
                }
            )
    return {"ansible_facts": {"packages": packages}}
