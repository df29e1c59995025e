"""Inventories: forms, precedence, patterns, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.inventory.cluster.validation import validate
from kprov.inventory.host_patterns import match_hosts
from kprov.inventory.model import Inventory
from kprov.inventory.sources.load import load_inventory

CLUSTER = """\
all:
  vars: {}
  hosts:
    node1: {ansible_host: 10.0.0.1}
    node2: {ansible_host: 10.0.0.2}
    node3: {ansible_host: 10.0.0.3}
  children:
    kube_control_plane: {hosts: {node1: , node2: }}
    etcd: {hosts: {node1: , node2: , node3: }}
    kube_node: {hosts: {node1: , node2: , node3: }}
"""
Make = Callable[..., Inventory]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def build(text: str = CLUSTER, **files: str) -> Inventory:
        (tmp_path / "hosts.yml").write_text(text)
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.with_suffix(".yml").write_text(content)
        return load_inventory(tmp_path)

    return build


def test_a_good_cluster_has_kubesprays_computed_group(make: Make) -> None:
    inventory = make()
    validate(inventory)
    assert inventory.members("k8s_cluster") == ["node1", "node2", "node3"]
    assert inventory.group_names("node1") == ["etcd", "k8s_cluster", "kube_control_plane", "kube_node"]


def test_hosts_win_over_groups_and_files_over_the_inventory(make: Make) -> None:
    inventory = make(
        CLUSTER.replace("vars: {}", "vars: {a: all, b: all, c: all}"),
        group_vars__etcd="a: group\nb: group\n", host_vars__node1="b: host\n",
    )  # fmt: skip
    found = inventory.variables("node1")
    assert (found["a"], found["b"], found["c"]) == ("group", "host", "all")


def test_ini_with_ranges_children_and_vars(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text(
        "n[01:03] x=1\n[web]\nn01\n[front:children]\nweb\n[front:vars]\ny='two words'\n"
    )
    inventory = load_inventory(tmp_path / "hosts.ini")
    assert list(inventory.hosts) == ["n01", "n02", "n03"]
    assert inventory.variables("n01") == {"x": 1, "y": "two words"}


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all:!node2", ["node1", "node3"]), ("etcd:&kube_control_plane", ["node1", "node2"]), ("etcd[0]", ["node1"]),
        ("etcd[1:2]", ["node2", "node3"]), ("node*", ["node1", "node2", "node3"]), ("~node[23]", ["node2", "node3"]),
        ("node3,node1", ["node3", "node1"]), ("nobody", []),
    ],
)  # fmt: skip
def test_patterns(make: Make, pattern: str, hosts: list[str]) -> None:
    assert match_hosts(make(), pattern) == hosts


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "kube_control_plane:",
            "kube_controlplane:",
            ["hosts.yml:8", "kube_controlplane", "did you mean 'kube_control_plane'"],
        ),
        ("10.0.0.2", "10.0.0.1", ["hosts.yml:5", "node1 and node2", "10.0.0.1"]),
        ("node2: , node3: }}\n    kube_node", "node2: }}\n    kube_node", ["etcd", "odd"]),
        (
            "vars: {}",
            "vars: {kube_network_node_prefix: many}",
            ["hosts.yml:2", "kube_network_node_prefix", "many"],
        ),
        (
            "vars: {}",
            "vars: {kube_pods_subnet: 10.233.0.0/16}",
            ["kube_pods_subnet", "kube_service_addresses", "overlap"],
        ),
        ("vars: {}", "vars: {kube_pods_subnet: 10.0.0.0/16}", ["kube_pods_subnet", "node1", "overlaps"]),
        ("vars: {}", "vars: {kube_pods_subnet: 10.9.0.0/23}", ["room for 2 nodes"]),
        ("vars: {}", "vars: {kube_vip_address: 10.0.0.3}", ["kube_vip_address", "node3"]),
    ],
)
def test_a_wrong_cluster_is_refused_with_its_place(make: Make, old: str, new: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        validate(make(CLUSTER.replace(old, new)))
    for word in words:
        assert word in str(caught.value)


def test_all_problems_are_reported_at_once(make: Make) -> None:
    text = CLUSTER.replace("10.0.0.2", "10.0.0.1").replace("vars: {}", "vars: {kube_apiserver_port: 0}")
    with pytest.raises(InputError, match=r"2 problems(.|\n)*kube_apiserver_port(.|\n)*10\.0\.0\.1"):
        validate(make(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all: {hosts: {a: , a: }}", "hosts.yml:1: a: the key is a duplicate of line 1"),
        ("all:\n  host: {a: }", "hosts.yml:2: all: a group can have hosts, vars, children, not 'host'"),
        ("all: [a]", "must be a mapping"),
        ("all: {hosts: {a: }}\nb: {children: {c: {children: {b: }}}}", "groups are nested in a loop"),
        ("all:\n  hosts: {a: ", "hosts.yml:.: YAML"),
        ("{}", "no hosts"),
    ],
)
def test_wrong_forms_name_file_and_line(make: Make, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(text)
