"""Kubespray's group `bastion`: its first host is the default jump host of all other hosts."""

from __future__ import annotations

import json
import shlex
from typing import Any

from kprov.inventory.model import Inventory
from kprov.inventory.sources.kubespray_groups import CLUSTER

GROUP = "bastion"
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")
_OWN_WAY = ("proxyjump", "proxycommand", "-J")


def jump_variables(inventory: Inventory, host: str, variables: dict[str, Any]) -> dict[str, str]:
    """Return ansible_ssh_common_args with the jump host of the bastion, to add to a host's variables.

    Empty for inventories without a cluster, where the group has no special meaning, as in Ansible.
    Host, port, user, key file and ssh arguments of the bastion are used; a password is not supported.
    """
    bastions = inventory.members(GROUP)
    if not bastions or host in bastions or not any(inventory.members(group) for group in CLUSTER):
        return {}
    if str(variables.get("ansible_connection", "ssh")).endswith("local"):
        return {}
    arguments = " ".join(str(variables.get(name) or "") for name in _ARGUMENTS)
    if any(way in arguments.lower() or way in arguments for way in _OWN_WAY):
        return {}
    common = str(variables.get("ansible_ssh_common_args") or "")
    option = f"-o {shlex.quote(f'ProxyCommand={_proxy_command(inventory, bastions[0])}')}"
    return {"ansible_ssh_common_args": f"{common} {option}".strip()}


def _proxy_command(inventory: Inventory, name: str) -> str:
    variables = inventory.variables(name)

    def get(*names: str) -> str:
        first_name = next((candidate for candidate in names if variables.get(candidate)), None)
        if first_name is None:
            return ""
        value = str(variables[first_name])
        return f"{{{{ hostvars[{json.dumps(name)}][{json.dumps(first_name)}] }}}}" if "{{" in value else value

    address = get("ansible_host", "ansible_ssh_host") or name
    user = get("ansible_user", "ansible_ssh_user")
    key = get("ansible_ssh_private_key_file", "ansible_private_key_file")
    words = ["ssh", "-p", get("ansible_port", "ansible_ssh_port") or "22"]
    words += ["-i", key] if key else []
    words += [common_args] if (common_args := get("ansible_ssh_common_args")) else []
    return " ".join([*words, "-W", "%h:%p", f"{user}@{address}" if user else address])
