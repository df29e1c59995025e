"""ansible.builtin.hostname."""

from __future__ import annotations

import socket
from typing import Any

from kprov.agent import files, process
from kprov.agent.context import Context, ModuleError


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Name the host, now and at the next boot."""
    name = args["name"]
    try:
        permanent = files.read_text("/etc/hostname").strip()
    except OSError:
        permanent = ""
    changed = permanent != name or socket.gethostname() != name
    if changed and not context.check:
        if permanent != name:
            files.write("/etc/hostname", f"{name}\n".encode(), {"unsafe_writes": True})
        code, _, err = process.run(["hostname", name])
        if code:
            raise ModuleError(f"Command failed rc={code}, err={err.strip()}")
    result: dict[str, Any] = {"changed": changed, "name": name}
    result["ansible_facts"] = {"ansible_hostname": name.split(".")[0], "ansible_nodename": name}
    if context.diff and changed:
        result["diff"] = {"before": f"hostname = {permanent}\n", "after": f"hostname = {name}\n"}
    return result
