"""Inventories of kubespray's shape: groups, legacy names, the bastion, and what each variable does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.inventory.cluster import variable_effects, variable_usage
from kprov.inventory.cluster.validation import validate
from kprov.inventory.cluster.variable_effects import Effect, Finding
from kprov.inventory.model import Inventory
from kprov.inventory.sources.load import load_inventory
from kprov.kube.component_base.options import VERSION
from kprov.transport.options.variables import read_options

DATA = Path(__file__).parents[1] / "data"
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(name="sample")
def _sample() -> Inventory:
    inventory = load_inventory(DATA / "kubespray")
    validate(inventory)
    return inventory


def test_computed_groups_are_there(sample: Inventory) -> None:
    assert sample.members("etcd") == ["cp1", "cp2", "cp3"]
    assert sample.members("k8s_cluster") == ["cp1", "cp2", "cp3", "worker1", "worker2"]
    assert sample.group_names("worker1") == ["k8s_cluster", "kube_node"]


def test_legacy_names_have_the_present_ones_above_them() -> None:
    inventory = load_inventory(DATA / "kubespray_legacy.yml")
    validate(inventory)
    assert inventory.members("kube_control_plane") == ["node1", "node2"]
    assert inventory.members("k8s_cluster") == ["node1", "node2", "node3"]
    assert {"kube-master", "kube_control_plane", "k8s_cluster"} <= set(inventory.group_names("node1"))


def test_the_bastion_is_the_way_to_all_others(sample: Inventory) -> None:
    options = read_options("cp1", sample.variables("cp1"))
    assert [(hop.address, hop.user, hop.port) for hop in options.jumps] == [("192.0.2.1", "jump", 2200)]
    assert read_options("gate", sample.variables("gate")).jumps == ()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ansible_ssh_common_args": "-o ProxyJump=none"}, "-o ProxyJump=none"),
        ({"ansible_ssh_common_args": "-J other"}, "-J other"),
        ({"ansible_connection": "local"}, None),
        (
            {"ansible_ssh_common_args": "-o Compression=yes"},
            "-o Compression=yes -o 'ProxyCommand=ssh -p 2200 -W %h:%p jump@192.0.2.1'",
        ),
    ],
)
def test_a_hosts_own_jump_settings_have_precedence_over_the_bastion(
    sample: Inventory, variables: dict[str, Any], expected: str | None
) -> None:
    sample.set_host("cp1", variables)
    assert sample.variables("cp1").get("ansible_ssh_common_args") == expected


def test_a_group_of_this_name_elsewhere_is_no_bastion(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("[bastion]\ngate\n[web]\nw1\n")
    assert load_inventory(tmp_path / "hosts").variables("w1") == {}


def test_variables_take_effect_as_they_can_here(sample: Inventory) -> None:
    found = sample.variables("worker1")
    assert found["supplementary_addresses_in_ssl_keys"] == [
        "api.example.net",
        "192.0.2.100",
        "api.example.org",
    ]
    for name in (
        "bin_dir",
        "loadbalancer_apiserver_port",
        "kube_proxy_nodeport_addresses",
        "upstream_dns_servers",
    ):
        assert name not in found
    assert found["kube_cert_dir"] == "{{ kube_config_dir }}/ssl"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("kube_proxy_nodeport_addresses_cidr: 10.0.0.0/8", "kube_proxy_nodeport_addresses", ["10.0.0.0/8"]),
        ("eviction_hard: {memory.available: 1Gi}", "kubelet_eviction_hard", {"memory.available": "1Gi"}),
        ("kube_vip_enabled: false\nkube_vip_address: 10.9.0.9", "kube_vip_address", None),
        ("kube_vip_enabled: true\nkube_vip_address: 10.9.0.9", "kube_vip_address", "10.9.0.9"),
        ("kube_resolv_conf: /run/resolv.conf", "kubelet_resolv_conf", "/run/resolv.conf"),
        ("kube_vip_interface: eth1", "keepalived_interface", "eth1"),
        ("loadbalancer_apiserver_port: 9443", "loadbalancer_apiserver_port", 9443),
    ],
)
def test_a_variable_is_mapped(tmp_path: Path, text: str, name: str, value: Any) -> None:
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(text)
    inventory = load_inventory(tmp_path)
    validate(inventory)
    assert inventory.variables("node1").get(name) == value


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("node-role.kubernetes.io/worker", ["node_labels", "NodeRestriction", "kubectl label node"]),
        ("kubernetes.io/team", ["node_labels", "a domain of your own"]),
        ("node-restriction.kubernetes.io/x", ["NodeRestriction"]),
    ],
)
def test_a_label_that_a_kubelet_may_not_set_is_refused(tmp_path: Path, label: str, words: list[str]) -> None:
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "kube_node.yml").write_text(f"node_labels:\n  {label}: ''\n")
    with pytest.raises(InputError) as caught:
        validate(load_inventory(tmp_path))
    for word in ["kube_node.yml:1", label, *words]:
        assert word in str(caught.value)


def _finding(found: list[Finding], name: str) -> Finding:
    return next(one for one in found if one.name == name)


@pytest.mark.parametrize(
    ("name", "effect", "words", "place"),
    [
        ("bin_dir", Effect.NONE, "the bundle", "all.yml"),
        ("loadbalancer_apiserver_port", Effect.NONE, "haproxy keeps 8443", "all.yml"),
        ("loadbalancer_apiserver", Effect.MAPPED, "certificate", "all.yml"),
        ("etcd_data_dir", Effect.USED, "roles etcd, ", "k8s-cluster.yml"),
        ("my_prefix", Effect.USED, "etcd_data_dir", "k8s-cluster.yml"),
        ("my_own", Effect.UNKNOWN, "no role or variable names it", "k8s-cluster.yml"),
        ("etcd_data_dri", Effect.UNKNOWN, "did you mean 'etcd_data_dir'?", "k8s-cluster.yml"),
        ("calico_pool_blocksize", Effect.NONE, "there is no calico", "k8s-cluster.yml"),
        ("metallb_enabled", Effect.NONE, "no add-ons", "k8s-cluster.yml"),
        ("container_manager", Effect.NONE, "what kprov does anyway", "k8s-cluster.yml"),
        ("node_labels", Effect.USED, "role kubelet", "inventory.ini"),
        ("etcd_member_name", Effect.USED, "role etcd", "inventory.ini"),
        ("ansible_host", Effect.CONNECTION, "as in Ansible", "inventory.ini"),
        ("ip", Effect.MAPPED, "node_ip", "inventory.ini"),
    ],
)
def test_check_says_what_a_variable_does_and_where_it_is(
    name: str, effect: Effect, words: str, place: str
) -> None:
    one = _finding(variable_effects.find_effects(load_inventory(DATA / "kubespray"), ROOT), name)
    assert (one.effect, Path(one.file).name) == (effect, place)
    assert words in one.text
    assert name in Path(one.file).read_text().splitlines()[(one.line or 0) - 1]


def test_check_refuses_what_would_be_another_cluster(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(
        (DATA / "kubespray_legacy.yml").read_text()
        + "  vars: {container_manager: crio, kube_oidc_auth: false}\n"
    )
    found = variable_effects.find_effects(load_inventory(tmp_path), ROOT)
    assert _finding(found, "container_manager").effect is Effect.REFUSED
    assert _finding(found, "kube_oidc_auth").effect is Effect.NONE


def test_variable_files_of_unknown_groups_are_reported(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "kube_nodes.yml").write_text("a: 1\n")
    (one,) = [
        one
        for one in variable_effects.find_effects(load_inventory(tmp_path), ROOT)
        if one.file.endswith("kube_nodes.yml")
    ]
    assert "there is no group 'kube_nodes'" in one.text


def test_the_table_of_known_variables_has_a_reason_for_each_and_none_twice() -> None:
    assert yaml_file.load_yaml(ROOT / "kprov/inventory/cluster/known_variables.yml")
    table = variable_effects.load_table()
    for part in (table.mapped, table.none, table.families):
        assert all(isinstance(reason, str) and reason for reason in part.values())
    assert all(rule["reason"] for rule in table.refused.values())
    assert not set(table.mapped) & set(table.none)
    assert not set(table.refused) & {*table.mapped, *table.none}


def test_names_in_templates_and_conditions_are_found() -> None:
    text = "a: \"{{ b.c | default('d') }}\"\n  when: e is defined and 'f' in g\nh: {{ hostvars[i]['j'] }}\n"
    assert {"b", "e", "g", "i", "j", "hostvars"} <= variable_usage.find_names(text)
    assert not {"a", "c", "d", "f", "h"} & variable_usage.find_names(text)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("container_manager: docker", "docker and crio are not supported"),
        ("kubernetes_audit_webhook: true", "writes its audit log to a file"),
        ("{authorization_modes: [Node, RBAC, Webhook]}", "authorization is Node and RBAC"),
        ('{off: true, kata_containers_enabled: "{{ off }}"}', None),
        ("{authorization_modes: [Node, RBAC], kata_containers_enabled: false, kube_oidc_auth: 'no'}", None),
    ],
)
def test_a_cluster_that_kprov_does_not_make_is_refused_before_any_host_is_touched(
    tmp_path: Path, variables: str, message: str | None
) -> None:
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(variables)
    inventory = load_inventory(tmp_path)
    if message is None:
        validate(inventory)
    else:
        with pytest.raises(InputError, match=rf"all.yml:1: .*{message}"):
            validate(inventory)


def test_templates_of_refused_variables_are_looked_at_once_they_can_be_resolved(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text('kata_containers_enabled: "{{ on }}"\n')
    with pytest.raises(InputError, match="kata is not supported"):
        validate(load_inventory(tmp_path), lambda _: {"kata_containers_enabled": True})


def test_variables_that_do_nothing_are_warned_of_one_by_one_or_counted(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text((DATA / "kubespray_legacy.yml").read_text())
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(
        "kube_pod_subnet: 10.1.0.0/16\nkube_network_plugin: calico\n"
    )
    (tmp_path / "group_vars" / "etdc.yml").write_text("a: 1\n")
    inventory = load_inventory(tmp_path)
    validate(inventory, extra_vars={"kube_service_adresses": "10.2.0.0/16", "calico_mtu": 1400})
    found = variable_effects.find_effects(inventory, ROOT)
    slip = "no effect: no role or variable names it; did you mean"
    assert variable_effects.list_warnings(found, "here") == [
        "--extra-vars: calico_mtu: no effect: there is no calico; pods are connected by kprov's own pod-network",
        f"--extra-vars: kube_service_adresses: {slip} 'kube_service_addresses'?",
        f"{tmp_path}/group_vars/all.yml:1: kube_pod_subnet: {slip} 'kube_pods_subnet'?",
        f"{tmp_path}/group_vars/etdc.yml: the file is not read: there is no group 'etdc'",
        "access_ip, kube_network_plugin have no effect; `kprov inventory check -i here` says why",
    ]
    many = [Finding(f"calico_{n}", "f", n, Effect.NONE, "") for n in range(9)]
    assert variable_effects.list_warnings(many, "here") == [
        "9 variables have no effect; `kprov inventory check -i here` says why"
    ]


@pytest.mark.parametrize("version", ["1.29.1", "v1.35.0", "1.3", "1.360", "v2", 1.29, "1.36.1"])
def test_another_version_than_the_one_that_is_installed_is_refused(tmp_path: Path, version: Any) -> None:
    inventory = load_inventory(DATA / "kubespray")
    with pytest.raises(InputError) as error:
        validate(inventory, extra_vars={"kube_version": version})
    assert str(error.value).startswith(f"--extra-vars: kube_version: {version} is not what is installed")
    (found,) = [one for one in variable_effects.find_effects(inventory, ROOT) if one.name == "kube_version"]
    assert found.effect is Effect.REFUSED


@pytest.mark.parametrize("version", ["v1.36.0", "1.36.0", "1.36", "v1", 1.36, "", None])
def test_the_version_that_is_installed_may_be_named(version: Any) -> None:
    assert VERSION.startswith(variable_effects.load_table().installed["kube_version"]["version"])
    inventory = load_inventory(DATA / "kubespray")
    validate(inventory, extra_vars={"kube_version": version})
