"""Adds kubespray's computed groups, and the current names of groups in older inventories."""

from __future__ import annotations

from kprov.inventory.model import Inventory

#: Children of `k8s_cluster`, which newer inventories of kubespray do not have.
CLUSTER = ("kube_control_plane", "kube_node")
#: Group names until kubespray 2.15, and their current names.
LEGACY = {
    "kube-master": "kube_control_plane",
    "kube_master": "kube_control_plane",
    "kube-node": "kube_node",
    "k8s-cluster": "k8s_cluster",
    "calico-rr": "calico_rr",
    "no-floating": "no_floating",
}


def add_groups(inventory: Inventory) -> None:
    """Add the current names as parents of the old ones, and `k8s_cluster` if it is missing."""
    for old, new in LEGACY.items():
        if old in inventory.groups:
            group = inventory.groups[old]
            inventory.add_group(new, (group.file, group.line))
            inventory.add_child(new, old)
    if "k8s_cluster" not in inventory.groups and any(name in inventory.groups for name in CLUSTER):
        inventory.add_group("k8s_cluster")
        for child in CLUSTER:
            if child in inventory.groups:
                inventory.add_child("k8s_cluster", child)
