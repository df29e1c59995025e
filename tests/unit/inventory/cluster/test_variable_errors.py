"""A wrong value of a variable: what it must be, with an example, and what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import InputError
from kprov.inventory.cluster.validation import validate
from kprov.inventory.sources.load import load_inventory


def message(tmp_path: Path, variables: dict[str, Any]) -> str:
    """The problems of an inventory of one host with these variables."""
    document = {
        "all": {
            "hosts": {"h1": {"ansible_host": "192.0.2.1"}},
            "vars": variables,
            "children": {
                name: {"hosts": {"h1": None}} for name in ("kube_control_plane", "etcd", "kube_node")
            },
        }
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(document))
    with pytest.raises(InputError) as caught:
        validate(load_inventory(tmp_path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kube_vip_address", "300.1.1.1", "must be an IP address such as 192.0.2.10, not '300.1.1.1'"),
        ("ip", "node1", "must be an IP address such as 192.0.2.10, not 'node1'"),
        ("ip", 10, "must be an IP address such as 192.0.2.10, not 10"),
        ("upstream_dns_servers", ["dns"], "upstream_dns_servers[0]: must be an IP address"),
        ("upstream_dns_servers", "192.0.2.1", "must be a list, not '192.0.2.1'"),
        ("kube_pods_subnet", "10.233.64.0", "must be a network with a prefix length such as 10.233.0.0/18"),
        ("kube_pods_subnet", "pods/18", "must be a network such as 10.233.0.0/18, not 'pods/18'"),
        ("kube_pods_subnet", "10.1.0.1/16", "'10.1.0.1/16' has host bits set; the network is 10.1.0.0/16"),
        ("kube_network_node_prefix", "many", "must be a whole number, not 'many'"),
        ("kube_network_node_prefix", 3, "must be 8 or more, not 3"),
        ("kube_apiserver_port", 70000, "must be 65535 or less, not 70000"),
        ("cluster_name", "My Cluster", "must be a DNS name of lower case letters, digits, '-' and '.'"),
        (
            "kube_apiserver_node_port_range",
            "many",
            "must be a range of ports such as 30000-32767, not 'many'",
        ),
        ("etcd_data_dir", "etcd", "must be an absolute path such as /var/lib/data, not 'etcd'"),
        ("etcd_data_dir", 5, "must be an absolute path such as /var/lib/data, not 5"),
        ("etcd_data_dir", "/var/lib/", "must be a folder of its own, which reset removes, not '/var/lib/'"),
        ("bundle_root", "/opt", "must be a folder of its own, which reset removes, not '/opt'"),
        ("kubectl_cache_dir", "/", "must be a folder of its own, which reset removes, not '/'"),
        ("kube_config_dir", "/var/../etc", "must be an absolute path without '..'"),
        ("node_labels", ["a"], "must be a mapping of names to values, not ['a']"),
        ("node_labels", {"a": 1}, "node_labels[a]: must be text; put it in quotes, not 1"),
        ("node_taints", "a=b:NoSchedule", "must be a list, not 'a=b:NoSchedule'"),
        ("cluster_name", 5, "must be text; put it in quotes, not 5"),
    ],
)
def test_the_error_for_an_invalid_value_says_what_is_valid(
    tmp_path: Path, name: str, value: Any, words: str
) -> None:
    text = message(tmp_path, {name: value})
    assert f"{name}" in text
    assert words in text
    for riddle in ("Input should", "does not appear", "valid dictionary", "match pattern", "problems"):
        assert riddle not in text


def test_no_address_at_all_stands_for_no_vip(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        "all: {vars: {kube_vip_address: ''}, hosts: {h1: {ansible_host: 192.0.2.1}}, children: "
        "{kube_control_plane: {hosts: {h1: }}, etcd: {hosts: {h1: }}, kube_node: {hosts: {h1: }}}}"
    )
    assert validate(load_inventory(tmp_path))["h1"].kube_vip_address == ""
