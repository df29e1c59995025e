"""Translates kubespray's variables that have another name or another meaning in kprov.

Used for a cluster's inventory (`adapt_inventory`), not for other playbooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.inventory.cluster import archives
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.model import Inventory

_API_PORT = 6443
_RENAMED = {
    "eviction_hard": "kubelet_eviction_hard",
    "kube_resolv_conf": "kubelet_resolv_conf",
    "kube_vip_interface": "keepalived_interface",
}


def adapt_inventory(inventory: Inventory, extra_vars: Mapping[str, Any]) -> None:
    """Translate all variables of the inventory from now on; `extra_vars` are those of the command line."""
    inventory.extra_vars = extra_vars
    inventory.adjust = adapt_variables


def adapt_variables(variables: dict[str, Any]) -> dict[str, Any]:
    """Return a host's raw variables as the roles expect them."""
    # In kubespray an empty value means that the variable is not set.
    adapted = {
        name: value
        for name, value in variables.items()
        if value is not None or name not in ClusterVariables.model_fields
    }
    # In kubespray it is the folder for programs; in kprov it is a folder of the bundle.
    adapted.pop("bin_dir", None)
    for name in archives.VERSIONS:
        if isinstance(adapted.get(name), str):
            adapted[name] = adapted[name].removeprefix("v")
    _adapt_apiserver(adapted)
    _adapt_ports(adapted)
    if adapted.get("kube_vip_enabled") is False:
        adapted.pop("kube_vip_address", None)
    for kubespray_name, own_name in _RENAMED.items():
        if adapted.get(kubespray_name):
            adapted.setdefault(own_name, adapted[kubespray_name])
    return adapted


def _adapt_apiserver(variables: dict[str, Any]) -> None:
    """Add the names of an external load balancer to the API server's certificate."""
    balancer = variables.get("loadbalancer_apiserver")
    names = [balancer.get("address")] if isinstance(balancer, dict) else []
    names.append(variables.get("apiserver_loadbalancer_domain_name"))
    addresses = variables.get("supplementary_addresses_in_ssl_keys") or []
    more = [str(name) for name in names if name and isinstance(addresses, list) and name not in addresses]
    if more:
        variables["supplementary_addresses_in_ssl_keys"] = [*addresses, *more]


def _adapt_ports(variables: dict[str, Any]) -> None:
    """Replace the API's port as haproxy's port: unlike kubespray's, kprov's haproxy needs its own."""
    if str(variables.get("loadbalancer_apiserver_port")) == str(
        variables.get("kube_apiserver_port", _API_PORT)
    ):
        del variables["loadbalancer_apiserver_port"]
    addresses = variables.get("kube_proxy_nodeport_addresses")
    if isinstance(addresses, str) and "kube_proxy_nodeport_addresses_cidr" in addresses:
        # YAML reads the value in kubespray's sample as a list.
        del variables["kube_proxy_nodeport_addresses"]
    cidr = variables.get("kube_proxy_nodeport_addresses_cidr")
    if cidr:
        variables.setdefault("kube_proxy_nodeport_addresses", [cidr])
