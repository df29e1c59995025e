"""Action groups of `module_defaults`: the modules that collections name in meta/runtime.yml."""

from __future__ import annotations

from typing import Any

from kprov.playbook.ansible_modules import routing
from kprov.playbook.ansible_modules.finder import find_collection_folder
from kprov.playbook.ansible_modules.search import ModuleSearch

#: The collections of groups that are written without one, as in Ansible's documentation.
_COLLECTIONS = {
    "acme": "community.crypto",
    "aws": "amazon.aws",
    "azure": "azure.azcollection",
    "cpm": "wti.remote",
    "docker": "community.docker",
    "gcp": "google.cloud",
    "k8s": "kubernetes.core",
    "os": "openstack.cloud",
    "ovirt": "ovirt.ovirt",
    "vmware": "community.vmware",
}


def list_members(group: str, search: ModuleSearch) -> frozenset[str]:
    """Return the full names of a group's modules; empty for a group that no installed collection has."""
    return frozenset(_collect_members(group, _COLLECTIONS.get(group, ""), search, set()))


def _collect_members(group: str, collection: str, search: ModuleSearch, seen: set[str]) -> set[str]:
    """Collect the modules of a group and of those that it extends; `collection` is that of a short name."""
    if group.count(".") >= 2:
        collection, _, group = group.rpartition(".")
    folder = find_collection_folder(collection, search.collections) if collection else None
    if folder is None or f"{collection}.{group}" in seen:
        return set()
    seen.add(f"{collection}.{group}")
    members: set[str] = set()
    for entry in routing.find_action_group(group, folder):
        if isinstance(entry, str):
            members.add(entry if entry.count(".") >= 2 else f"{collection}.{entry}")
            continue
        for extended in _list_extended(entry):
            members |= _collect_members(extended, collection, search, seen)
    return members


def _list_extended(entry: Any) -> list[str]:
    metadata = entry.get("metadata") if isinstance(entry, dict) else None
    extended = metadata.get("extend_group") if isinstance(metadata, dict) else None
    return [str(name) for name in (extended if isinstance(extended, list) else [])]
