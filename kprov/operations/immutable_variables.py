"""Rejects changes of variables that a running cluster cannot change, such as its networks.

The current values are read from the cluster (see running_cluster.py).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from kprov.errors import InputError
from kprov.inventory.cluster.validation import variable_place
from kprov.operations.cluster import Cluster
from kprov.operations.running_cluster import RunningCluster

FIELDS = (
    "etcd_data_dir",
    "cluster_name",
    "dns_domain",
    "kube_service_addresses",
    "kube_pods_subnet",
    "kube_network_node_prefix",
)
_ADVICE = (
    "A running cluster cannot change this value: set the old one again, or remove the cluster with "
    "`kprov reset` and create a new one"
)


def check_unchanged(cluster: Cluster, running: RunningCluster) -> None:
    """Raise InputError that names each changed variable with its old and new value."""
    variables = cluster.any_variables
    requested = {name: str(getattr(variables, name)) for name in FIELDS}
    differences = find_differences(requested, running)
    if "cluster_name" in differences and "dns_domain" not in variables.model_fields_set:
        # It follows from the cluster's name, which has its own message.
        differences.pop("dns_domain", None)
    problems = [_change_error(cluster, name, old, requested[name]) for name, old in differences.items()]
    if len(problems) == 1:
        raise InputError(
            f"{problems[0].reason}. {_ADVICE}",
            file=problems[0].file,
            line=problems[0].line,
            field=problems[0].field,
        )
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise InputError(
            f"{len(problems)} values differ from those of the running cluster\n{lines}\n{_ADVICE}"
        )


def find_differences(requested: Mapping[str, str], running: RunningCluster) -> dict[str, str]:
    """Return a description of the cluster's value for each variable with another value in the inventory.

    The API's objects have precedence over the hosts' files, some of which an earlier change may have reached:
    a value in a file that no object contradicts is accepted, so that the change can be undone.
    """
    differences: dict[str, str] = {}
    for name in FIELDS:
        against = _find_contradiction(name, requested[name], running)
        consistent = [
            setting
            for setting in running.settings.get(name, [])
            if _find_contradiction(name, setting.value, running) is None
        ]
        if against is None and (
            not consistent or requested[name] in [setting.value for setting in consistent]
        ):
            continue
        if consistent:
            values = " and ".join(dict.fromkeys(setting.value for setting in consistent))
            differences[name] = f"{values} ({consistent[0].host}: {consistent[0].path})"
        else:
            differences[name] = str(against)
    return differences


def _find_contradiction(name: str, value: str, running: RunningCluster) -> str | None:
    """Return what objects of the API have if it contradicts the value; else None."""
    if name == "kube_service_addresses":
        cidr = running.service_cidr
        return f"{cidr} (the ServiceCIDR kubernetes)" if cidr and cidr != value else None
    for node, cidr in (running.nodes or {}).items():
        if not cidr:
            continue
        network: Any = ipaddress.ip_network(cidr)
        if name == "kube_pods_subnet":
            subnet: Any = ipaddress.ip_network(value)
            if network.version != subnet.version or not network.subnet_of(subnet):
                return f"another subnet (node {node} has {cidr})"
        if name == "kube_network_node_prefix" and network.prefixlen != int(value):
            return f"{network.prefixlen} (node {node} has {cidr})"
    return None


def _change_error(cluster: Cluster, name: str, old: str, new: str) -> InputError:
    file, line = variable_place(cluster.engine.inventory, name)
    text = f"the cluster runs with {old}, the inventory has {new}"
    return InputError(text, file=file, line=line, field=name)
