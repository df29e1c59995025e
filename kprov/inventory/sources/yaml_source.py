"""Reads YAML inventories: nested groups with hosts, vars and children."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import host_ranges, yaml_file
from kprov.inventory.model import Inventory

_KEYS = ("hosts", "vars", "children")


def read_yaml(inventory: Inventory, path: Path, text: str) -> None:
    """Add a file's groups. Raises InputError with the line."""
    document = yaml_file.parse_yaml(text, str(path))
    if document is None:
        return
    if not isinstance(document, yaml_file.Mapping):
        raise InputError("an inventory must be a mapping of groups", file=path, line=1)
    if "plugin" in document:
        message = (
            "inventory plugins are not supported; convert it: ansible-inventory -i FILE --list --export -y"
        )
        raise InputError(message, file=path, line=document.lines.get("plugin"), field="plugin")
    for name, body in document.items():
        _add_group(inventory, path, document, name, body)


def _add_group(inventory: Inventory, path: Path, container: yaml_file.Mapping, name: Any, body: Any) -> None:
    line = container.lines.get(name)
    if not isinstance(name, str):
        raise InputError(f"{name!r} is not a group's name; quote it", file=path, line=line)
    group = inventory.add_group(name, (str(path), line))
    if group.line is None:
        group.file, group.line = str(path), line
    if body is None:
        return
    if not isinstance(body, yaml_file.Mapping):
        message = "a group must be a mapping with hosts, vars, children"
        raise InputError(message, file=path, line=line, field=name)
    for key, value in body.items():
        entries = _read_entries(path, body.lines.get(key), name, key, value)
        if entries is None:
            continue
        if key == "vars":
            inventory.set_group(name, entries)
        elif key == "hosts":
            for host, variables in entries.items():
                _add_host(inventory, path, entries, name, host, variables)
        else:
            _add_children(inventory, path, name, entries)


def _add_children(inventory: Inventory, path: Path, parent: str, children: yaml_file.Mapping) -> None:
    for child, body in children.items():
        _add_group(inventory, path, children, child, body)
        inventory.add_child(parent, child)


def _read_entries(path: Path, line: int | None, group: str, key: Any, value: Any) -> yaml_file.Mapping | None:
    """Return the mapping of a group's hosts, vars or children; None for an empty one."""
    if key not in _KEYS:
        message = f"a group can have {', '.join(_KEYS)}, not {key!r}"
        raise InputError(message, file=path, line=line, field=group)
    if value is None:
        return None
    entries = _expand_short_form(path, line, value) if isinstance(value, str) else value
    if not isinstance(entries, yaml_file.Mapping):
        message = f"must be a mapping, not {type(value).__name__.lower()}"
        raise InputError(message, file=path, line=line, field=f"{group}.{key}")
    return entries


def _expand_short_form(path: Path, line: int | None, name: str) -> yaml_file.Mapping:
    """Expand `hosts: NAME`, which is short for a mapping with one key."""
    mapping = yaml_file.Mapping({name: None})
    mapping.file, mapping.line, mapping.lines = str(path), line or 0, {name: line or 0}
    return mapping


def _add_host(
    inventory: Inventory, path: Path, container: yaml_file.Mapping, group: str, name: Any, variables: Any
) -> None:
    line = container.lines.get(name)
    if not isinstance(name, str):
        raise InputError(
            f"{name!r} is not a host's name; quote it", file=path, line=line, field=f"{group}.hosts"
        )
    if variables is not None and not isinstance(variables, dict):
        message = "a host's variables must be a mapping"
        raise InputError(message, file=path, line=line, field=f"{group}.hosts.{name}")
    names, port = host_ranges.expand_entry(name, str(path), line)
    for host_name in names:
        new = host_name not in inventory.hosts
        inventory.add_host(host_name, group, (str(path), line))
        if port is not None and new:
            inventory.set_host(host_name, {"ansible_port": port})
        if variables:
            inventory.set_host(host_name, variables)
