"""Connections to lab hosts as an inventory's variables describe them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Become
from kprov.transport.options.ssh_config import load_config
from kprov.transport.options.variables import read_options

from .conftest import Lab


def variables(lab: Lab, host: str = "node1", **more: Any) -> dict[str, Any]:
    known = next(
        word.partition("=")[2]
        for word in shlex.split(_all(lab)["ansible_ssh_common_args"])
        if word.startswith("UserKnownHostsFile")
    )
    args = f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes {more.pop('args', '')}"
    return {
        "ansible_host": lab.address(host),
        "ansible_user": "kprov",
        "ansible_ssh_common_args": args,
        **more,
    }


def _all(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((lab.inventory / "hosts.yml").read_text())["all"]["vars"]
    return found


def lab_key(lab: Lab) -> str:
    return str(_all(lab)["ansible_ssh_private_key_file"])


def connections(
    values: dict[str, Any], config: Path | None = None, notices: list[str] | None = None
) -> Connections:
    heard = notices if notices is not None else []
    parsed = load_config(str(config) if config else "none")
    return Connections(
        lambda host: read_options(host, values, config=parsed), lambda _, text: heard.append(text)
    )


def who(values: dict[str, Any], become: Become | None = None, config: Path | None = None) -> str:
    """The user that a task runs as, said by a task that also sends every byte there is."""
    with connections(values, config) as made:
        agent = made.get("node1").agent(become)
        text = "".join(map(chr, range(1, 256))) * 300
        items = [{"args": {"cmd": "cat >/dev/null; id -un", "_shell": True, "stdin": text}}]
        result = agent.run("command", items)[0]
        assert not result.get("failed"), result
        return str(result["stdout"])


def line(text: str) -> dict[str, Any]:
    """A shell's line as an item of the command module."""
    return {"args": {"cmd": text, "_shell": True}}
