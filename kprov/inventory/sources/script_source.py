"""Runs inventory scripts, which print JSON for --list (and for --host NAME without _meta)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import bounded_process, interpreters, yaml_bounds
from kprov.inventory.model import Inventory

#: Seconds until a script must have ended, unless the environment names others.
_SECONDS = 60.0
_VARIABLE = "KPROV_INVENTORY_SCRIPT_TIMEOUT"


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
    what = f"the inventory script {words[0]}"
    try:
        done = bounded_process.run(command, seconds=_read_limit())
    except OSError as error:
        reason = interpreters.explain_start_failure(path, error)
        raise InputError(f"the inventory script cannot be run: {reason}", file=path) from None
    except bounded_process.BoundsError as error:
        raise InputError(
            f"{what} {error}; {_VARIABLE}=SECONDS sets another limit of time", file=path
        ) from None
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip()
        text = f"the inventory script {' '.join(words)} failed with exit code {done.returncode}: {why}"
        raise InputError(text, file=path)
    if not done.stdout.strip() and words[0] == "--host":
        return {}
    try:
        document = yaml_bounds.load_json(done.stdout)
    except ValueError as error:
        raise InputError(f"the inventory script {words[0]} printed no JSON: {error}", file=path) from None
    if not isinstance(document, dict):
        raise InputError(f"the inventory script {words[0]} must print a mapping", file=path)
    return document


def _read_limit() -> float:
    text = os.environ.get(_VARIABLE, "")
    try:
        seconds = float(text or _SECONDS)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise InputError(f"must be a number of seconds, not {text!r}", field=_VARIABLE)
    return seconds
