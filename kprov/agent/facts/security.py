"""Facts about SELinux, AppArmor, FIPS and capabilities."""

from __future__ import annotations

import os
import shutil
from typing import Any

from kprov.agent import process
from kprov.agent.facts.read import read_line, read_lines


def read_fips() -> dict[str, Any]:
    return {"fips": read_line("/proc/sys/crypto/fips_enabled") == "1"}


def read_apparmor() -> dict[str, Any]:
    is_enabled = os.path.exists("/sys/kernel/security/apparmor")
    return {"apparmor": {"status": "enabled" if is_enabled else "disabled"}}


def read_selinux() -> dict[str, Any]:
    base = "/sys/fs/selinux"
    if not os.path.exists(f"{base}/enforce"):
        return {"selinux": {"status": "disabled"}, "selinux_python_present": True}
    config = dict(
        row.split("=", 1) for row in read_lines("/etc/selinux/config") if "=" in row and row[0] != "#"
    )
    return {
        "selinux_python_present": True,
        "selinux": {
            "status": "enabled",
            "policyvers": int(read_line(f"{base}/policyvers") or 0),
            "config_mode": config.get("SELINUX", "unknown").strip(),
            "mode": "enforcing" if read_line(f"{base}/enforce") == "1" else "permissive",
            "type": config.get("SELINUXTYPE", "unknown").strip(),
        },
    }


def read_capabilities() -> dict[str, Any]:
    """Read the agent's capabilities with `capsh`, if it is installed."""
    facts: dict[str, Any] = {"system_capabilities": "N/A", "system_capabilities_enforced": "N/A"}
    if not shutil.which("capsh"):
        return facts
    code, out, _ = process.run_program(["capsh", "--print"])
    for row in out.splitlines() if code == 0 else []:
        if row.startswith("Current:"):
            capabilities = row.split(":", 1)[1].strip()
            if capabilities == "=ep":
                return {"system_capabilities": [], "system_capabilities_enforced": "False"}
            facts["system_capabilities_enforced"] = "True"
            facts["system_capabilities"] = [word.strip() for word in row.split("=")[1].split(",")]
    return facts
