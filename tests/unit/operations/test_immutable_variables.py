"""Variables that a running cluster keeps: what it says of them, and what an inventory may ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.content.locations import CONTENT
from kprov.errors import InputError
from kprov.operations.cluster import open_cluster
from kprov.operations.immutable_variables import FIELDS, check_unchanged, find_differences
from kprov.operations.running_cluster import (
    APISERVER,
    CONTROLLER_MANAGER,
    ETCD,
    RunningCluster,
    Setting,
    parse_api_objects,
    read_settings,
)
from kprov.playbook.results.run_result import RunOptions
from tests.unit.playbook.conftest import Bench

TEMPLATES = {
    APISERVER: "kube-apiserver.service.j2",
    CONTROLLER_MANAGER: "kube-controller-manager.service.j2",
    ETCD: "etcd.conf.yml.j2",
}
WANTED = {
    "etcd_data_dir": "/var/lib/etcd",
    "cluster_name": "cluster.local",
    "dns_domain": "cluster.local",
    "kube_service_addresses": "10.233.0.0/18",
    "kube_pods_subnet": "10.233.64.0/18",
    "kube_network_node_prefix": "24",
}
OTHER = {
    "etcd_data_dir": "/srv/etcd",
    "cluster_name": "other.example",
    "dns_domain": "other.example",
    "kube_service_addresses": "10.20.0.0/18",
    "kube_pods_subnet": "10.30.0.0/16",
    "kube_network_node_prefix": "25",
}


def written(values: dict[str, str], *hosts: str) -> dict[str, list[Setting]]:
    return {name: [Setting(value, host, "/file") for host in hosts] for name, value in values.items()}


def both(first: dict[str, list[Setting]], second: dict[str, list[Setting]]) -> dict[str, list[Setting]]:
    return {name: first[name] + second[name] for name in first}


API: dict[str, Any] = {"nodes": {"a": "10.233.65.0/24"}, "service_cidr": "10.233.0.0/18"}


def test_every_variable_is_read_from_the_files_that_the_roles_write(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    group = {"hosts": {"a": None, "b": None}}
    hosts = yaml.safe_load((bench.folder / "hosts.yml").read_text())
    hosts["all"]["children"] = {"kube_control_plane": group, "etcd": group}
    hosts["all"]["hosts"] = {"a": {"ip": "192.0.2.1"}, "b": {"ip": "192.0.2.2"}}
    bench.write("hosts.yml", yaml.safe_dump(hosts))
    play = [
        {
            "hosts": "a",
            "gather_facts": False,
            "vars_files": [
                str(CONTENT / "roles" / role / "defaults/main.yml")
                for role in ("kprov_defaults", "etcd", "kube_apiserver", "kube_controller_manager")
            ],
            "tasks": [
                {"template": {"src": str(CONTENT / "templates" / name), "dest": f"{bench.folder}/{name}"}}
                for name in TEMPLATES.values()
            ],
        }
    ]
    given = {**OTHER, "kube_bundle_digest": "0", "kprov_templates": str(CONTENT / "templates")}
    assert not bench.play(yaml.safe_dump(play), extra_vars=given).errors
    texts = {path: (bench.folder / name).read_text() for path, name in TEMPLATES.items()}
    found = read_settings({"a": texts})
    assert {name: {one.value for one in values} for name, values in found.items()} == {
        name: {value} for name, value in OTHER.items()
    }
    assert set(found) == set(FIELDS)


def test_before_a_controller_manager_is_installed_there_is_no_cluster() -> None:
    unit = "ExecStart=/kube-apiserver --service-cluster-ip-range=10.0.0.0/24 \\\n"
    assert read_settings({"a": {APISERVER: unit}, "b": {}}) == {}


@pytest.mark.parametrize("name", FIELDS)
def test_a_changed_value_is_reported_with_the_old_one_even_while_the_api_is_down(name: str) -> None:
    running = RunningCluster(written(WANTED, "a", "b"))
    assert find_differences(WANTED, running) == {}
    found = find_differences({**WANTED, name: OTHER[name]}, running)
    assert found == {name: f"{WANTED[name]} (a: /file)"}


def test_a_larger_subnet_around_the_old_one_is_another_subnet() -> None:
    running = RunningCluster(written(WANTED, "a"), **API)
    assert list(find_differences({**WANTED, "kube_pods_subnet": "10.233.0.0/16"}, running)) == [
        "kube_pods_subnet"
    ]


def test_a_change_that_reached_some_hosts_can_be_taken_back_and_not_be_finished() -> None:
    running = RunningCluster(both(written(OTHER, "a"), written(WANTED, "b")), **API)
    assert find_differences(WANTED, running) == {}
    networks = {"kube_service_addresses", "kube_pods_subnet", "kube_network_node_prefix"}
    assert find_differences({**WANTED, **{name: OTHER[name] for name in networks}}, running) == {
        name: f"{WANTED[name]} (b: /file)" for name in networks
    }


def test_a_change_that_reached_all_hosts_is_refused_by_what_the_api_has() -> None:
    running = RunningCluster(written(OTHER, "a"), **API)
    assert find_differences({**OTHER, **{name: WANTED[name] for name in FIELDS[3:]}}, running) == {}
    assert find_differences(OTHER, running) == {
        "kube_service_addresses": "10.233.0.0/18 (the ServiceCIDR kubernetes)",
        "kube_pods_subnet": "another subnet (node a has 10.233.65.0/24)",
        "kube_network_node_prefix": "24 (node a has 10.233.65.0/24)",
    }


def test_the_objects_of_the_api_are_read_by_their_kinds() -> None:
    items = [
        {"kind": "Node", "metadata": {"name": "a"}, "spec": {"podCIDR": "10.1.0.0/24"}},
        {"kind": "Node", "metadata": {"name": "b"}, "spec": {}},
        {"kind": "ServiceCIDR", "metadata": {"name": "more"}, "spec": {"cidrs": ["10.3.0.0/24"]}},
        {"kind": "ServiceCIDR", "metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.2.0.0/24"]}},
    ]
    assert parse_api_objects(items) == ({"a": "10.1.0.0/24", "b": ""}, "10.2.0.0/24")


INVENTORY = """all:
  hosts: {a: {ip: 192.0.2.1}}
  children: {kube_control_plane: {hosts: {a: }}, etcd: {hosts: {a: }}, kube_node: {hosts: {a: }}}
  vars:
"""


def refused(folder: Path, lines: str, **extra: Any) -> str:
    (folder / "hosts.yml").write_text(INVENTORY + lines)
    options = RunOptions(extra_vars=extra)
    with open_cluster(folder / "hosts.yml", options) as cluster, pytest.raises(InputError) as error:
        check_unchanged(cluster, RunningCluster(written(WANTED, "a")))
    assert error.value.exit_code == 2
    return str(error.value)


def test_the_message_names_file_line_variable_and_both_values(tmp_path: Path) -> None:
    said = refused(tmp_path, "    kube_pods_subnet: 10.30.0.0/16\n")
    assert said.startswith(
        f"{tmp_path}/hosts.yml:5: kube_pods_subnet: the cluster runs with 10.233.64.0/18 (a: /file), "
        "the inventory has 10.30.0.0/16. A running cluster cannot change this value"
    )


def test_several_changed_variables_are_reported_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, "    kube_network_node_prefix: 25\n    kube_service_addresses: 10.20.0.0/18\n")
    assert "hosts.yml:5: kube_network_node_prefix: the cluster runs with 24" in said
    assert "hosts.yml:6: kube_service_addresses: the cluster runs with 10.233.0.0/18" in said


def test_the_error_for_an_extra_variable_names_extra_vars(tmp_path: Path) -> None:
    said = refused(tmp_path, "    kube_network_node_prefix: 24\n", kube_pods_subnet="10.30.0.0/16")
    assert said.startswith("--extra-vars: kube_pods_subnet: the cluster runs with 10.233.64.0/18")


def test_a_changed_cluster_name_is_reported_without_the_derived_domain(
    tmp_path: Path,
) -> None:
    said = refused(tmp_path, "    cluster_name: other.example\n")
    assert said.startswith(f"{tmp_path}/hosts.yml:5: cluster_name: the cluster runs with cluster.local")
    assert "dns_domain" not in said


def test_the_domain_is_the_clusters_name_unless_it_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(INVENTORY + "    cluster_name: other.example\n")
    with open_cluster(tmp_path / "hosts.yml") as cluster:
        assert cluster.any_variables.dns_domain == "other.example"
