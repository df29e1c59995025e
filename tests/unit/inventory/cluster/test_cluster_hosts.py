"""Names, labels, addresses and users that cannot work are refused before a host is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.errors import InputError
from kprov.inventory.cluster.validation import validate
from kprov.inventory.sources.load import load_inventory
from kprov.playbook.running.engine import Engine

FIRST = "n1"


def written(folder: Path, host: str = FIRST, **variables: Any) -> Path:
    members = {"hosts": {host: None}}
    document = {
        "all": {
            "hosts": {host: {"ip": "10.9.0.11", **variables}},
            "children": dict.fromkeys(("kube_control_plane", "etcd", "kube_node"), members),
        }
    }
    path = folder / "hosts.yml"
    path.write_text(yaml.dump(document, default_flow_style=False, sort_keys=False))
    return path


def refused(path: Path) -> str:
    inventory = load_inventory(path)
    with Engine(inventory) as engine, pytest.raises(InputError) as error:
        validate(inventory, engine.host_variables)
    assert error.value.exit_code == 2
    return str(error.value)


def accepted(path: Path) -> None:
    inventory = load_inventory(path)
    with Engine(inventory) as engine:
        validate(inventory, engine.host_variables)


@pytest.mark.parametrize("host", ["Node_1", "Node1", "-a", "a-", "a..b", "a" * 64, "ä"])
def test_a_host_that_cannot_name_its_node_is_refused_with_its_place(tmp_path: Path, host: str) -> None:
    said = refused(written(tmp_path, host))
    assert said.startswith(f"{tmp_path}/hosts.yml:")
    assert f": {host}: {host!r} cannot name a node" in said
    assert "kube_override_hostname" in said


@pytest.mark.parametrize("host", ["node1", "1", "10.9.0.11", "node-1.example.org", "a" * 63])
def test_names_of_rfc_1123_are_taken(tmp_path: Path, host: str) -> None:
    accepted(written(tmp_path, host))


def test_a_host_of_any_name_may_have_another_as_a_node(tmp_path: Path) -> None:
    accepted(written(tmp_path, "Node_1", kube_override_hostname="node-1"))
    said = refused(written(tmp_path, kube_override_hostname="Node_1"))
    assert "hosts.yml:5: kube_override_hostname: 'Node_1' cannot name a node" in said


def test_two_hosts_that_would_be_one_node_are_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    document = yaml.safe_load(path.read_text())
    document["all"]["hosts"]["n2"] = {"ip": "10.9.0.12", "kube_override_hostname": FIRST}
    document["all"]["children"]["kube_node"]["hosts"]["n2"] = None
    path.write_text(yaml.dump(document))
    assert "kube_override_hostname: n1 and n2 would both be the node n1" in refused(path)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"a b": "c"}, "'a b' is not a key"),
        ({"a": "c d"}, "'c d' is not a value"),
        ({"a": "-x"}, "'-x' is not a value"),
        ({"": "x"}, "'' is not a key"),
        ({"/x": "x"}, "'' before the '/' must be a DNS name"),
        ({"Example.org/x": "x"}, "'Example.org' before the '/' must be a DNS name"),
        ({"x/y/z": ""}, "'x/y' before the '/' must be a DNS name"),
        ({"a" * 64: ""}, "must have 1 to 63"),
        ({"a": "b" * 64}, "up to 63"),
    ],
)
def test_labels_that_an_api_server_would_not_take_are_refused(
    tmp_path: Path, labels: dict[str, str], words: str
) -> None:
    said = refused(written(tmp_path, node_labels=labels))
    assert "hosts.yml:5: node_labels: " in said
    assert words in said


@pytest.mark.parametrize("taint", ["a:Never", "NoSchedule", "a b=c:NoSchedule", "a=c d:NoExecute", ":NoSchedule", "a=b"])  # fmt: skip
def test_taints_that_an_api_server_would_not_take_are_refused(tmp_path: Path, taint: str) -> None:
    said = refused(written(tmp_path, node_taints=[taint]))
    assert "hosts.yml:5: node_taints: " in said
    assert "is not a" in said


def test_labels_and_taints_of_any_domain_are_taken(tmp_path: Path) -> None:
    labels = {"a": "", "Disk.type_1": "SSD-1.0", "example.org/x": "1", "node.kubernetes.io/rack": "r1"}
    taints = ["a:NoSchedule", "a=:NoExecute", "example.org/x=1:PreferNoSchedule"]
    accepted(written(tmp_path, node_labels=labels, node_taints=taints))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ip", "fd00::1"),
        ("kube_vip_address", "fd00::1"),
        ("nodelocaldns_ip", "fd00::1"),
        ("kube_pods_subnet", "fd00::/56"),
        ("kube_service_addresses", "fd00::/112"),
    ],
)
def test_ipv6_is_refused_by_the_variable(tmp_path: Path, name: str, value: str) -> None:
    said = refused(written(tmp_path, **{name: value}))
    assert f": {name}: {value!r} is an IPv6 " in said


def test_a_host_that_is_reached_by_ipv6_needs_an_address_for_the_cluster(tmp_path: Path) -> None:
    said = refused(written(tmp_path, ip=None, ansible_host="fd00::1"))
    assert "hosts.yml:3: ansible_host: n1 has the IPv6 address fd00::1; set the variable ip" in said
    accepted(written(tmp_path, ansible_host="fd00::1"))


@pytest.mark.parametrize(
    ("vip", "words"),
    [
        ("192.0.2.9", "192.0.2.9 is not on the network of n1 (10.9.0.11)"),
        ("224.0.0.1", "is not a usable address for the API server"),
        ("127.0.0.1", "is not a usable address for the API server"),
        ("10.9.0.11", "10.9.0.11 is the address of host n1"),
    ],
)
def test_an_address_of_the_api_that_no_host_could_take_is_refused(
    tmp_path: Path, vip: str, words: str
) -> None:
    said = refused(written(tmp_path, kube_vip_address=vip))
    assert "hosts.yml:5: kube_vip_address: " in said
    assert words in said
    accepted(written(tmp_path, kube_vip_address="10.200.0.1"))


@pytest.mark.parametrize("become", [False, "no", "false", "{{ 1 == 2 }}"])
def test_a_user_that_is_not_root_and_does_not_become_root_is_refused(tmp_path: Path, become: Any) -> None:
    said = refused(written(tmp_path, ansible_user="admin", ansible_become=become))
    assert "hosts.yml:6: ansible_become: n1: admin is not root" in said
    accepted(written(tmp_path, ansible_user="root", ansible_become=become))
    accepted(written(tmp_path, ansible_user="admin", ansible_become=True))
    accepted(written(tmp_path, ansible_user="admin"))
