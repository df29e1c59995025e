"""Renders an inventory as ansible-inventory does: --list, --graph and --host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory.model import Inventory
from kprov.inventory.secrets import MASK, scrub
from kprov.inventory.vault.vault_format import Secret, Undecrypted
from kprov.inventory.yaml_file import Unsafe


class Export:
    """An inventory to show; `beside` are more folders with group_vars and host_vars (a playbook's)."""

    def __init__(self, inventory: Inventory, beside: Iterable[Path] = ()) -> None:
        self.inventory = inventory
        self.beside = tuple(beside)

    def host(self, name: str) -> dict[str, Any]:
        """Return all variables of a host. Raises InputError for an unknown host."""
        if name not in self.inventory.hosts:
            raise InputError(f"the inventory has no host {name!r}", file=self.inventory.path)
        return {
            key: _plain_value(value) for key, value in self.inventory.variables(name, self.beside).items()
        }

    def nested(self, only: Iterable[str] | None = None) -> dict[str, Any]:
        """Return an equivalent YAML inventory with raw values; a host's variables are at its first place."""
        shown_hosts = set(self.inventory.members("all") if only is None else only)
        return self._export_group("all", shown_hosts, set(), set())

    def _export_group(
        self, name: str, shown_hosts: set[str], groups: set[str], hosts: set[str]
    ) -> dict[str, Any]:
        group = self.inventory.groups[name]
        body: dict[str, Any] = {"children": {}, "hosts": {}}
        for child in group.children:
            if child in groups:
                body["children"][child] = {}
            else:
                body["children"].update(self._export_group(child, shown_hosts, groups, hosts))
                groups.add(child)
        for host in group.hosts if name != "all" else ():
            if host in shown_hosts:
                new = host not in hosts
                hosts.add(host)
                body["hosts"][host] = self.inventory.variables(host, self.beside) if new else {}
        body = {key: value for key, value in body.items() if value}
        return {name: body} if body else {}

    def listing(self, only: Iterable[str] | None = None) -> dict[str, Any]:
        """Return groups with hosts and children, and `_meta` with the hosts' variables, as for --list.

        `only` are the hosts to show; None: all.
        """
        hosts = self.inventory.members("all") if only is None else list(only)
        listing_values: dict[str, Any] = {}
        self._group(listing_values, "all", set(), set(hosts))
        variables = {host: self.host(host) for host in hosts}
        listing_values["_meta"] = {
            "hostvars": {
                host: host_variables for host, host_variables in variables.items() if host_variables
            },
            "profile": "inventory_legacy",
        }
        return listing_values

    def _group(
        self, listing_values: dict[str, Any], name: str, seen: set[str], shown_hosts: set[str]
    ) -> None:
        group = self.inventory.groups[name]
        entry: dict[str, Any] = {}
        hosts = [host for host in group.hosts if host in shown_hosts]
        if name != "all" and hosts:
            entry["hosts"] = hosts
        if group.children:
            entry["children"] = list(group.children)
        if entry:
            listing_values[name] = entry
        for child in group.children:
            if child not in seen:
                seen.add(child)
                self._group(listing_values, child, seen, shown_hosts)

    def graph(self, start: str = "all", *, variables: bool = False) -> list[str]:
        """Return the lines of a tree: groups with @, then their hosts; variables, if requested, in braces."""
        if start not in self.inventory.groups:
            raise InputError(f"the inventory has no group {start!r}", file=self.inventory.path)
        self.inventory.group_members()
        return list(self._tree(start, 0, variables=variables))

    def _tree(self, name: str, depth: int, *, variables: bool) -> Iterable[str]:
        group = self.inventory.groups[name]
        yield _format_line(f"@{name}:", depth)
        for child in group.children:
            yield from self._tree(child, depth + 1, variables=variables)
        for host in group.hosts if name != "all" else ():
            yield _format_line(host, depth + 1)
            if variables:
                yield from _variables(self.inventory.variables(host, self.beside), depth + 2)
        if variables:
            folders = [
                *self.inventory.directories,
                *(path for path in self.beside if path not in self.inventory.directories),
            ]
            merged = dict(group.variables)
            for folder in folders:
                merged |= self.inventory.folder_variables(folder, "group_vars", name)
            if group.priority != 1:
                merged["ansible_group_priority"] = group.priority
            yield from _variables(merged, depth + 1)


def _format_line(text: str, depth: int) -> str:
    return "  |" * depth + f"--{text}" if depth else text


def _variables(values: Mapping[str, Any], depth: int) -> Iterable[str]:
    for name, value in sorted(values.items()):
        yield _format_line(f"{{{name} = {_format_value(value)}}}", depth)


def _format_value(value: Any) -> str:
    """Format a value; encrypted values stay hidden, also inside lists and mappings."""
    return MASK if isinstance(value, (Secret, Undecrypted)) else scrub(str(value))


def _plain_value(value: Any) -> Any:
    """Return a plain JSON value; vault values stay encrypted, as in ansible-inventory."""
    if isinstance(value, (Secret, Undecrypted)):
        return {"__ansible_vault": value.ciphertext}
    if isinstance(value, Unsafe):
        return {"__ansible_unsafe": str(value)}
    if isinstance(value, dict):
        return {str(key): _plain_value(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_value(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    return value
