"""Hosts and groups of an inventory, and the precedence of their variables."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kprov.errors import InputError
from kprov.inventory import host_ranges, trust, variable_files

#: Names of this machine, even if no source has them.
LOCALHOST = ("localhost", "127.0.0.1", "::1")


@dataclass
class Group:
    """A group; `file` and `line` are its first place, `priority` is its ansible_group_priority.

    `parents` does not include `all`.
    """

    name: str
    file: str = ""
    line: int | None = None
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    priority: int = 1


@dataclass
class Host:
    """A host; `places` are where its name stands, `source` is the first source with it."""

    name: str
    places: list[tuple[str, int | None]] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    source: Path | None = None
    implicit: bool = False


class Inventory:
    """An inventory from one or more sources. `sources` are mappings of variables, for errors with a place.

    `directory` and `directories` are the folders of the sources, with group_vars and host_vars; `extra_vars`
    are variables of the command line, which win; `jump_rule` adds a host's way over a jump host; `adjust`
    has the last word on a host's variables.
    """

    def __init__(self, path: Path, directories: Iterable[Path] | None = None) -> None:
        self.path = path
        folders = [path if path.is_dir() else path.parent] if directories is None else list(directories)
        #: The sources as the user named them, files with absolute paths.
        self.named = [str(path.absolute())]
        self.directories = list(dict.fromkeys(folders))
        self.directory = self.directories[0] if self.directories else Path.cwd()
        self.hosts: dict[str, Host] = {}
        self.groups: dict[str, Group] = {"all": Group("all"), "ungrouped": Group("ungrouped")}
        self.groups["all"].children.append("ungrouped")
        self.sources: list[dict[str, Any]] = []
        self.adjust: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self.jump_rule: Callable[[Inventory, str, dict[str, Any]], Mapping[str, Any]] | None = None
        self.extra_vars: Mapping[str, Any] = {}
        self._known_sources: set[int] = set()
        self._folders: dict[tuple[Path, str], dict[str, Any]] = {}
        self._members: dict[str, list[str]] = {}
        self._depths: dict[str, int] = {}
        self._names: dict[str, list[str]] | None = None
        self._groups_complete = False
        self._resolved: dict[str, dict[str, Any]] | None = None

    def members(self, group: str) -> list[str]:
        """Return the hosts of a group, then of its children level by level; none for an unknown group."""
        self.complete_groups()
        if group not in self.groups:
            return []
        if group not in self._members:
            hosts: dict[str, None] = {}
            level, seen = [group], {group}
            while level:
                for name in level:
                    hosts.update(dict.fromkeys(self.groups[name].hosts))
                below = [child for name in level for child in self.groups[name].children]
                level = [name for name in dict.fromkeys(below) if name not in seen]
                seen.update(level)
            self._members[group] = list(hosts)
        return list(self._members[group])

    def group_members(self) -> dict[str, list[str]]:
        """Return the hosts of every group: Ansible's `groups`."""
        self.complete_groups()
        return {name: self.members(name) for name in self.groups}

    def group_names(self, host: str) -> list[str]:
        """Return the groups of a host without `all`, sorted: Ansible's `group_names`."""
        self.complete_groups()
        if self._names is None:
            self._names = {}
            for name in sorted(self.groups):
                for member in self.members(name) if name != "all" else ():
                    self._names.setdefault(member, []).append(name)
        return list(self._names.get(host, ()))

    def magic(self, host: str) -> dict[str, Any]:
        """Return Ansible's magic variables of a host that come from the inventory.

        inventory_hostname, inventory_hostname_short, group_names; inventory_file and inventory_dir, which
        are None for a host without a file, and missing for the implicit localhost.
        """
        variables: dict[str, Any] = {
            "inventory_hostname": host,
            "inventory_hostname_short": host if host_ranges.is_ip(host) else host.split(".", maxsplit=1)[0],
            "group_names": self.group_names(host),
        }
        inventory_host = self.hosts.get(host)
        if inventory_host is None or inventory_host.implicit:
            return variables
        if inventory_host.source is None:
            return {**variables, "inventory_file": None, "inventory_dir": None}
        if "," in str(inventory_host.source) and not inventory_host.source.exists():
            return {**variables, "inventory_file": str(inventory_host.source), "inventory_dir": None}
        file, folder = _file_and_folder(inventory_host.source)
        return {**variables, "inventory_file": file, "inventory_dir": folder}

    def depth(self, group: str) -> int:
        """Return the length of the longest path from `all`."""
        if group == "all":
            return 0
        self.complete_groups()
        if group not in self._depths:
            # Known for the next group: without it, groups with several parents would take exponential time.
            depths = [self.depth(parent) for parent in self.groups[group].parents]
            self._depths[group] = 1 + max(depths, default=0)
        return self._depths[group]

    def variables(self, host: str, beside: Iterable[Path] = ()) -> dict[str, Any]:
        """Return a host's raw variables by Ansible's precedence; `beside` are more folders of variables."""
        if self._resolved is None or beside:
            return self._resolve_variables(host, beside)
        if host not in self._resolved:
            self._resolved[host] = self._resolve_variables(host)
        return dict(self._resolved[host])

    @contextmanager
    def resolve_once(self) -> Iterator[None]:
        """Resolve the variables of each host at most once in this context, in which nothing may change."""
        self._resolved = {}
        try:
            yield
        finally:
            self._resolved = None

    def _resolve_variables(self, host: str, beside: Iterable[Path] = ()) -> dict[str, Any]:
        merged = self.written_variables(host, beside)
        if self.jump_rule is not None:
            merged.update(self.jump_rule(self, host, merged))
        merged.update(self.extra_vars)
        return merged if self.adjust is None else self.adjust(merged)

    def written_variables(self, host: str, beside: Iterable[Path] = ()) -> dict[str, Any]:
        """Return a host's variables as the sources and files have them."""
        read_folders = {folder.resolve() for folder in self.directories}
        folders = [*self.directories, *(path for path in beside if path.resolve() not in read_folders)]
        groups = sorted(
            self.group_names(host), key=lambda name: (self.depth(name), self.groups[name].priority, name)
        )
        # As in Ansible, group_vars/all has precedence over the sources' variables of all groups.
        layers: list[dict[str, Any]] = [self.groups[name].variables for name in ("all", *groups)]
        layers += [self.folder_variables(folder, "group_vars", "all") for folder in folders]
        layers += [self.folder_variables(folder, "group_vars", name) for folder in folders for name in groups]
        if host in self.hosts:
            layers.append(self.hosts[host].variables)
        layers += [self.folder_variables(folder, "host_vars", host) for folder in folders]
        merged: dict[str, Any] = {}
        for layer in layers:
            merged.update(layer)
        return merged

    def folder_variables(self, folder: Path, kind: str, name: str) -> dict[str, Any]:
        """Return the variables of FOLDER/KIND/NAME[.yml], or of all files of a directory of that name."""
        key = (folder / kind, name)
        if key not in self._folders:
            variables: dict[str, Any] = {}
            for path in variable_files.find_files(folder / kind, name):
                document = trust.load_variables(path)
                if document is None:
                    continue
                if not isinstance(document, dict):
                    raise InputError("a file of variables must be a mapping", file=path, line=1)
                self.sources.append(document)
                variables.update(document)
            self._folders[key] = variables
        return self._folders[key]

    def set_group(self, name: str, variables: Mapping[str, Any]) -> None:
        """Set a group's variables from a source; ansible_group_priority is not a variable."""
        group = self.groups[name]
        for key, value in variables.items():
            if key != "ansible_group_priority":
                group.variables[key] = value
                continue
            try:
                group.priority = int(value)
            except (TypeError, ValueError):
                file, line = variable_files.variable_place(variables, key)
                raise InputError(
                    f"{value!r} is not a whole number", file=file, line=line, field=key
                ) from None
        self._note_variables(variables)

    def set_host(self, name: str, variables: Mapping[str, Any]) -> None:
        """Set a host's variables from a source."""
        self.hosts[name].variables.update(variables)
        self._note_variables(variables)

    def _note_variables(self, variables: Mapping[str, Any]) -> None:
        # Hosts of a range share one mapping. The list keeps it alive, so its id stays unique.
        if isinstance(variables, dict) and variables and id(variables) not in self._known_sources:
            self._known_sources.add(id(variables))
            self.sources.append(variables)

    def add_host(
        self, name: str, group: str | None = None, place: tuple[str, int | None] | None = None
    ) -> Host:
        """Add a host, and put it into a group if one is named. Raises InputError for an unusable name."""
        if not name.isprintable():
            file, line = place or (None, None)
            raise InputError(f"{name!r} is not a host's name", file=file, line=line)
        host = self.hosts.setdefault(name, Host(name))
        if place is not None:
            host.places.append(place)
            host.source = host.source or Path(place[0])
        if group is not None:
            hosts = self.add_group(group).hosts
            if name not in hosts:
                hosts.append(name)
        self._groups_complete = False
        return host

    @contextmanager
    def hide_hosts(self, names: Iterable[str]) -> Iterator[None]:
        """Leave hosts and their membership in groups out, as if no source had them."""
        hidden = set(names)
        hosts = self.hosts
        members = {name: group.hosts for name, group in self.groups.items()}
        self.hosts = {name: host for name, host in hosts.items() if name not in hidden}
        for group in self.groups.values():
            group.hosts = [host for host in group.hosts if host not in hidden]
        self._groups_complete = False
        try:
            yield
        finally:
            self.hosts = hosts
            for name, before in members.items():
                self.groups[name].hosts = before
            self._groups_complete = False

    def remove_hosts(self, names: Iterable[str]) -> None:
        """Leave hosts out from now on, as if no source had them."""
        removed = set(names)
        self.hosts = {name: host for name, host in self.hosts.items() if name not in removed}
        for group in self.groups.values():
            group.hosts = [host for host in group.hosts if host not in removed]
        self._groups_complete = False

    def implicit_localhost(self, name: str) -> Host:
        """Add this machine without ssh and without a group, unless a source has a name of LOCALHOST."""
        localhost_name = next((host for host in self.hosts if host in LOCALHOST), None)
        if localhost_name is not None:
            return self.hosts[localhost_name]
        if name not in self.hosts:
            variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
            self.hosts[name] = Host(name, variables=variables, implicit=True)
        return self.hosts[name]

    def add_group(self, name: str, place: tuple[str, int | None] = ("", None)) -> Group:
        """Add a group."""
        if name not in self.groups:
            self.groups[name] = Group(name, *place)
            self._groups_complete = False
        return self.groups[name]

    def add_child(self, parent: str, child: str) -> None:
        """Add a child to a group."""
        self.add_group(child)
        if child not in self.groups[parent].children:
            self.groups[parent].children.append(child)
            if parent != "all":
                self.groups[child].parents.append(parent)
        self._groups_complete = False

    def complete_groups(self) -> None:
        """Compute the children of `all` and the hosts of `ungrouped`."""
        if self._groups_complete:
            return
        self._groups_complete, self._members, self._names = True, {}, None
        self._depths = {}
        top = self.groups["all"].children
        top += [
            name
            for name, group in self.groups.items()
            if name != "all" and not group.parents and name not in top
        ]
        lonely = self.groups["ungrouped"]
        grouped = {
            host
            for name, group in self.groups.items()
            if name not in ("all", "ungrouped")
            for host in group.hosts
        }
        lonely.hosts = [host for host in lonely.hosts if host not in grouped]
        lonely.hosts += [
            name
            for name, host in self.hosts.items()
            if name not in grouped and name not in lonely.hosts and not host.implicit
        ]


@functools.cache
def _file_and_folder(source: Path) -> tuple[str, str]:
    """Return a source and its folder as absolute paths, for the magic variables."""
    file = Path(os.path.normpath(source.absolute()))
    return str(file), str(file.parent)
