"""Hosts and groups of an inventory, and what Ansible makes of their variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kprov.inventory import yamlfile

#: kubespray's name for all hosts with components; computed when an inventory has none.
CLUSTER = ("kube_control_plane", "kube_node")


@dataclass
class Group:
    """A group; `file` and `line` say where it first stands."""

    name: str
    file: str = ""
    line: int | None = None
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass
class Host:
    """A host; `places` say where its name stands."""

    name: str
    places: list[tuple[str, int | None]] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)


class Inventory:
    """What one or more sources say; `sources` are (file, variables) for checks that name a place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = path if path.is_dir() else path.parent
        self.hosts: dict[str, Host] = {}
        self.groups: dict[str, Group] = {"all": Group("all"), "ungrouped": Group("ungrouped")}
        self.sources: list[dict[str, Any]] = []
        self._folders: dict[tuple[Path, str], dict[str, Any]] = {}

    def members(self, group: str) -> list[str]:
        """Hosts of a group and of its children, in order of appearance; none for an unknown group."""
        if group == "all":
            return list(self.hosts)
        if group not in self.groups:
            return []
        found: dict[str, None] = dict.fromkeys(self.groups[group].hosts)
        for child in self.groups[group].children:
            found.update(dict.fromkeys(self.members(child)))
        return list(found)

    def group_members(self) -> dict[str, list[str]]:
        """Hosts of every group: Ansible's `groups`."""
        return {name: self.members(name) for name in self.groups}

    def group_names(self, host: str) -> list[str]:
        """Groups of a host but `all`, by name: Ansible's `group_names`."""
        return sorted(name for name in self.groups if name != "all" and host in self.members(name))

    def depth(self, group: str) -> int:
        """Steps from `all`."""
        return (
            0
            if group == "all"
            else 1 + max((self.depth(p) for p in self.groups[group].parents if p != group), default=0)
        )

    def variables(self, host: str, beside: Iterable[Path] = ()) -> dict[str, Any]:
        """A host's raw variables by Ansible's precedence; `beside` are more folders of variables."""
        folders = [self.directory, *(path for path in beside if path.resolve() != self.directory.resolve())]
        groups = sorted(
            (name for name in self.group_names(host)),
            key=lambda name: (
                self.depth(name),
                int(self.groups[name].variables.get("ansible_group_priority", 1)),
                name,
            ),
        )
        layers: list[dict[str, Any]] = [self.groups["all"].variables]
        layers += [self.folder_variables(folder, "group_vars", "all") for folder in folders]
        layers += [self.groups[name].variables for name in groups]
        layers += [self.folder_variables(folder, "group_vars", name) for folder in folders for name in groups]
        if host in self.hosts:
            layers.append(self.hosts[host].variables)
        layers += [self.folder_variables(folder, "host_vars", host) for folder in folders]
        merged: dict[str, Any] = {}
        for layer in layers:
            merged.update(layer)
        return merged

    def folder_variables(self, folder: Path, kind: str, name: str) -> dict[str, Any]:
        """Variables of FOLDER/KIND/NAME[.yml], or of all files of a directory of that name."""
        key = (folder / kind, name)
        if key not in self._folders:
            found: dict[str, Any] = {}
            for path in _variable_files(folder / kind / name):
                document = yamlfile.load(path)
                if document is None:
                    continue
                if not isinstance(document, dict):
                    from kprov.errors import InputError

                    raise InputError("a file of variables must be a mapping", file=path, line=1)
                self.sources.append(document)
                found.update(document)
            self._folders[key] = found
        return self._folders[key]

    def add_host(
        self, name: str, group: str | None = None, place: tuple[str, int | None] | None = None
    ) -> Host:
        """Have a host, in a group when one is named."""
        host = self.hosts.setdefault(name, Host(name))
        if place is not None:
            host.places.append(place)
        if group not in (None, "all") and group is not None:
            hosts = self.add_group(group).hosts
            if name not in hosts:
                hosts.append(name)
        return host

    def add_group(self, name: str, place: tuple[str, int | None] = ("", None)) -> Group:
        """Have a group."""
        if name not in self.groups:
            self.groups[name] = Group(name, *place)
        return self.groups[name]

    def add_child(self, parent: str, child: str) -> None:
        """Have a group below another."""
        self.add_group(child)
        if child not in self.groups[parent].children:
            self.groups[parent].children.append(child)
            if parent != "all":
                self.groups[child].parents.append(parent)

    def finish(self) -> None:
        """Compute what follows from the sources: `ungrouped` and kubespray's `k8s_cluster`."""
        grouped = {
            host
            for name in self.groups
            if name not in ("all", "ungrouped")
            for host in self.groups[name].hosts
        }
        self.groups["ungrouped"].hosts = [host for host in self.hosts if host not in grouped]
        if "k8s_cluster" not in self.groups and any(name in self.groups for name in CLUSTER):
            self.add_group("k8s_cluster")
            for child in CLUSTER:
                if child in self.groups:
                    self.add_child("k8s_cluster", child)


def _variable_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(
            file
            for file in path.rglob("*")
            if file.is_file()
            and file.suffix in ("", ".yml", ".yaml", ".json")
            and not file.name.startswith(".")
        )
    return [
        file
        for file in (
            path,
            path.with_name(path.name + ".yml"),
            path.with_name(path.name + ".yaml"),
            path.with_name(path.name + ".json"),
        )
        if file.is_file()
    ]
