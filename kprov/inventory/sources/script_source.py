"""Runs inventory scripts, which print JSON for --list (and for --host NAME without _meta)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory.model import Inventory

_TIMEOUT = 300.0


def read_script(inventory: Inventory, path: Path) -> None:
    """Run a script and add its groups and hosts. Raises InputError."""
    document = _run_script(path, "--list")
    meta = document.pop("_meta", None)
    hosts: dict[str, None] = {}
    for name, body in document.items():
        for host in _add_group(inventory, path, name, body):
            hosts[host] = None
    hostvars = meta.get("hostvars") if isinstance(meta, dict) else None
    if hostvars is not None and not isinstance(hostvars, dict):
        raise InputError("must be a mapping of hosts", file=path, field="_meta.hostvars")
    for host in hosts:
        variables = _run_script(path, "--host", host) if hostvars is None else hostvars.get(host, {})
        if not isinstance(variables, dict):
            raise InputError("must be a mapping of variables", file=path, field=f"_meta.hostvars.{host}")
        inventory.set_host(host, variables)


def _add_group(inventory: Inventory, path: Path, name: str, body: Any) -> list[str]:
    """Add a group and return its hosts."""
    inventory.add_group(name, (str(path), None))
    if isinstance(body, list):
        body = {"hosts": body}
    if not isinstance(body, dict) or not {"hosts", "vars", "children"} & set(body):
        message = "a group must be a list of hosts, or a mapping with hosts, vars, children"
        raise InputError(message, file=path, field=name)
    hosts, variables, children = body.get("hosts", []), body.get("vars", {}), body.get("children", [])
    if not isinstance(hosts, list) or not isinstance(children, list) or not isinstance(variables, dict):
        message = "hosts and children must be lists, vars a mapping"
        raise InputError(message, file=path, field=name)
    for host in hosts:
        inventory.add_host(str(host), name, (str(path), None))
    inventory.set_group(name, variables)
    for child in children:
        inventory.add_group(str(child), (str(path), None))
        inventory.add_child(name, str(child))
    return [str(host) for host in hosts]


def _run_script(path: Path, *words: str) -> dict[str, Any]:
    command = [str(path.absolute()), *words]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"the inventory script cannot be run: {error}", file=path) from None
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip()
        text = f"the inventory script {' '.join(words)} failed with exit code {done.returncode}: {why}"
        raise InputError(text, file=path)
    if not done.stdout.strip() and words[0] == "--host":
        return {}
    try:
        document = json.loads(done.stdout)
    except ValueError as error:
        raise InputError(f"the inventory script {words[0]} printed no JSON: {error}", file=path) from None
    if not isinstance(document, dict):
        raise InputError(f"the inventory script {words[0]} must print a mapping", file=path)
    return document
