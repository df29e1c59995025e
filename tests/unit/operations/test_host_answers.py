"""Operations on hosts that leave facts out or mistype them: an error that names the host, never a defect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.errors import PreflightError
from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.host_answers import read_answer
from kprov.operations.lost_members import has_no_data
from kprov.operations.preflight import gather_fleet
from kprov.operations.running_cluster import _read_files
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.operations.vip_network import find_vip_problem
from tests.unit.hostile_host import HostileHost

INVENTORY = """
all:
  vars: {ansible_connection: local, ansible_become: false, kprov_allow_experimental_distributions: true}
  hosts:
    liar: {ip: 192.0.2.1, ansible_python_interpreter: PYTHON}
  children:
    kube_control_plane: {hosts: {liar: }}
    etcd: {hosts: {liar: }}
    kube_node: {hosts: {liar: }}
"""
#: Facts of a host that the roles support, whatever this machine is.
HONEST = (
    "result['ansible_facts'].update(ansible_distribution='Debian', ansible_distribution_version='12',"
    " ansible_distribution_major_version='12', ansible_effective_user_id=0)\n"
)
FACTS = [
    "ansible_effective_user_id",
    "ansible_distribution",
    "ansible_distribution_version",
    "ansible_distribution_major_version",
    "ansible_python_version",
    "ansible_architecture",
]


@pytest.fixture
def liar(tmp_path: Path) -> HostileHost:
    return HostileHost(tmp_path / "hostile")


@pytest.fixture
def inventory(tmp_path: Path, liar: HostileHost) -> Path:
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY.replace("PYTHON", str(liar.interpreter)))
    return path


def lie(liar: HostileHost, module: str, statement: str) -> None:
    honest = "".join(f"    {line}\n" for line in HONEST.splitlines())
    liar.change_results(f"if module == 'setup':\n{honest}if module == {module!r}:\n    {statement}")


def test_an_honest_host_is_accepted(inventory: Path, liar: HostileHost) -> None:
    lie(liar, "none", "pass")
    with open_cluster(inventory) as cluster:
        assert set(connect_hosts(cluster, ["liar"])) == {"liar"}


@pytest.mark.parametrize("answer", ["pop(NAME)", "update({NAME: {'x': [1]}})", "update({NAME: None})"])
@pytest.mark.parametrize("name", FACTS)
def test_a_host_without_a_fact_is_named(inventory: Path, liar: HostileHost, name: str, answer: str) -> None:
    lie(liar, "setup", f"result['ansible_facts'].{answer.replace('NAME', repr(name))}")
    with open_cluster(inventory) as cluster, pytest.raises(PreflightError, match=f"liar: .*{name} is "):
        connect_hosts(cluster, ["liar"])


@pytest.mark.parametrize("answer", ["result.pop('ansible_facts')", "result.update(ansible_facts={})"])
def test_a_host_without_facts_is_named(inventory: Path, liar: HostileHost, answer: str) -> None:
    lie(liar, "setup", answer)
    with open_cluster(inventory) as cluster, pytest.raises(PreflightError, match=r"liar: .*facts"):
        connect_hosts(cluster, ["liar"])


def read_preflight(cluster: Cluster, facts: dict[str, dict[str, Any]]) -> None:
    gather_fleet(cluster, facts, {})


@pytest.mark.parametrize(
    ("module", "answer", "read"),
    [
        ("stat", "result.pop('stat')", lambda cluster, _: has_no_data(cluster, "liar", "/nowhere")),
        (
            "slurp",
            "result.update(failed=False, content='x')",
            lambda cluster, _: _read_files(cluster, "liar"),
        ),
        ("preflight", "result.update(times=5)", read_preflight),
        ("preflight", "result.update(times=['x', None])", read_preflight),
        ("preflight", "result.update(answers=5)", read_preflight),
        ("preflight", "result['answers'].update(system={'cpus': 'many'})", read_preflight),
        ("preflight", "result['answers'].update(network=[1])", read_preflight),
        ("preflight", "result.update(errors=5)", read_preflight),
    ],
)
def test_a_malformed_answer_names_its_host(
    inventory: Path, liar: HostileHost, module: str, answer: str, read: Any
) -> None:
    lie(liar, module, answer)
    with open_cluster(inventory) as cluster:
        facts = connect_hosts(cluster, ["liar"])
        with pytest.raises(PreflightError, match=f"liar: sent a malformed answer to {module}: "):
            read(cluster, facts)


@pytest.mark.parametrize(
    "facts",
    [
        5,
        {"ansible_default_ipv4": 5},
        {"ansible_default_ipv4": {"interface": ["eth0"]}},
        {"ansible_default_ipv4": {"interface": "eth0"}, "ansible_eth0": {"ipv4": {"network": "x"}}},
        {"ansible_default_ipv4": {"interface": "eth0"}, "ansible_eth0": {"ipv4": 5}},
        {"ansible_default_ipv4": {"interface": "eth0"}, "ansible_interfaces": 5},
    ],
)
def test_malformed_networks_name_their_host(facts: Any) -> None:
    import ipaddress

    with (
        pytest.raises(PreflightError, match="liar: sent a malformed answer to setup"),
        read_answer("liar", "setup"),
    ):
        find_vip_problem(ipaddress.IPv4Address("192.0.2.9"), facts, None)
