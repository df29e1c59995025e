"""Variables of kubespray that mean something here under another name, or nothing although the name exists.

Applied to a cluster's inventory (`adapt`), not to that of any playbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.model import Inventory

_API_PORT = 6443
_RENAMED = {
    "eviction_hard": "kubelet_eviction_hard",
    "kube_resolv_conf": "kubelet_resolv_conf",
    "kube_vip_interface": "keepalived_interface",
}


def adapt_inventory(inventory: Inventory, given: Mapping[str, Any]) -> None:
    """Read the inventory's variables as those of a cluster from now on; `given` are the command line's."""
    inventory.given = given
    inventory.adjust = adapt_variables


def adapt_variables(variables: dict[str, Any]) -> dict[str, Any]:
    """A host's raw variables as the roles take them."""
    # An empty value is kubespray's way to say nothing.
    found = {
        name: value
        for name, value in variables.items()
        if value is not None or name not in ClusterVariables.model_fields
    }
    # There it is where programs are installed to; here, a folder of the bundle.
    found.pop("bin_dir", None)
    _adapt_apiserver(found)
    _adapt_ports(found)
    if found.get("kube_vip_enabled") is False:
        found.pop("kube_vip_address", None)
    for theirs, ours in _RENAMED.items():
        if found.get(theirs):
            found.setdefault(ours, found[theirs])
    return found


def _adapt_apiserver(found: dict[str, Any]) -> None:
    """An external load balancer's names belong into the certificate."""
    balancer = found.get("loadbalancer_apiserver")
    names = [balancer.get("address")] if isinstance(balancer, dict) else []
    names.append(found.get("apiserver_loadbalancer_domain_name"))
    known = found.get("supplementary_addresses_in_ssl_keys") or []
    more = [str(name) for name in names if name and isinstance(known, list) and name not in known]
    if more:
        found["supplementary_addresses_in_ssl_keys"] = [*known, *more]


def _adapt_ports(found: dict[str, Any]) -> None:
    """Kubespray's local balancer has the API's port on 127.0.0.1 only; haproxy here needs its own one."""
    if str(found.get("loadbalancer_apiserver_port")) == str(found.get("kube_apiserver_port", _API_PORT)):
        del found["loadbalancer_apiserver_port"]
    addresses = found.get("kube_proxy_nodeport_addresses")
    if isinstance(addresses, str) and "kube_proxy_nodeport_addresses_cidr" in addresses:
        # The sample's text makes a list in YAML of it; what it says is this.
        del found["kube_proxy_nodeport_addresses"]
    cidr = found.get("kube_proxy_nodeport_addresses_cidr")
    if cidr:
        found.setdefault("kube_proxy_nodeport_addresses", [cidr])
