"""A made-up component, added as one row, reaches every consumer of the table."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kprov.bundle import components as bundle_components
from kprov.content.locations import ROLES
from kprov.contract.components import table
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.operations import health
from kprov.operations.cluster import Cluster
from kprov.operations.diagnose import items
from kprov.operations.etcd import restore_hosts
from kprov.operations.keys import restarts
from kprov.operations.phases import OperationContext
from kprov.pki.kubeconfig import render_for_host
from kprov.pki.request import PkiHost, PkiRequest
from kprov.pki.table import list_certificates
from kprov.playbook.results.run_result import RunOptions
from kprov.preflight import components
from kprov.preflight.requests import request_facts
from kprov.verify import model
from kprov.verify.checks import ports, units, versions
from kprov.verify.cis import facts
from tests.unit.playbook.conftest import Bench

NODE = frozenset({"kube_node"})
VARIABLES = ClusterVariables()
ROW: dict[str, Any] = {
    "groups": ["kube_node"],
    "start_order": 125,
    "stop_order": 5,
    "program": "made_up",
    "user": "root",
    "ports": [
        {"port": 4321, "addresses": ["host"], "title": "made-up peer", "clients": ["kube_control_plane"]}
    ],
    "certificates": [
        {
            "file": "made-up",
            "authority": "ca",
            "common_name": "system:made-up:{{ kube_node_name }}",
            "names": ["host"],
            "usages": ["client", "server"],
        }
    ],
    "kubeconfig": {"file": "made-up", "certificate": "made-up", "authority": "node-ca.crt"},
    "read_at_start": ["{{ kube_cert_dir }}/made-up.crt"],
    "settings": ["/etc/made-up/config.yaml"],
    "diagnosed": ["/etc/made-up/config.yaml"],
    "endpoints": ["http://127.0.0.1:4322/metrics"],
    "health_gate": True,
    "restore": "restart",
    "benchmark": True,
    "removed": ["/etc/made-up"],
    "emptied": ["/var/lib/made-up"],
}


@pytest.fixture(autouse=True)
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    document = yaml.safe_load((table.TABLES / "components.yml").read_text())
    document["kprov_components"]["made-up"] = ROW
    (tmp_path / "components.yml").write_text(yaml.safe_dump(document, sort_keys=False))
    (tmp_path / "runtimes.yml").write_text((table.TABLES / "runtimes.yml").read_text())
    monkeypatch.setattr(table, "TABLES", tmp_path)
    yield
    # Other tests read the tables of this repository, which have other paths.
    assert "made-up" in [component.name for component in table.list_components()]


def verified_cluster() -> model.Cluster:
    return model.Cluster((), "", "", 6443, 8443, "", "", "", "", "")


def verified_host() -> model.VerifyHost:
    return model.VerifyHost("a", "a", "192.0.2.1", NODE)


class Hosts:
    """A cluster of one node, and the commands that its host would run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: types.ModuleType) -> None:
        self.lines: list[str] = []
        inventory = types.SimpleNamespace(group_names=lambda _host: ["kube_node"])
        engine = types.SimpleNamespace(
            inventory=inventory, unreachable_hosts={}, options=RunOptions(), host_variables=lambda _host: {}
        )
        self.cluster = cast(
            "Cluster",
            types.SimpleNamespace(
                engine=engine,
                variables={"a": VARIABLES},
                any_variables=VARIABLES,
                members=lambda *groups: ["a"] if "kube_node" in groups else [],
                node_name=lambda host: host,
            ),
        )
        for name, answer in (("try_command", self._try), ("run_command", self._run)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, answer)

    def _try(self, _cluster: Cluster, _host: str, line: str) -> Any:
        self.lines.append(line)
        return types.SimpleNamespace(code=0, stdout="", stderr="")

    def _run(self, _cluster: Cluster, _host: str, line: str) -> str:
        self.lines.append(line)
        return ""


def test_the_bundle_has_its_program() -> None:
    assert '"kprov.kube.made_up"' in bundle_components.render_launcher("made-up", "3.13")


def test_the_preflight_checks_its_port_and_knows_its_unit() -> None:
    assert components.expected_components(NODE)[3:5] == ("kubelet", "made-up")
    port = components.Port("made-up", 4321, "192.0.2.1")
    assert port in components.list_ports(NODE, VARIABLES, "192.0.2.1")
    traffic = components.Traffic("made-up peer", 4321, frozenset({"kube_control_plane"}), "kube_node")
    assert traffic in components.list_traffic(VARIABLES)
    request = request_facts(NODE, VARIABLES, "192.0.2.1")
    assert 4321 in request["listeners"]["ports"]
    assert request["software"]["own_files"]["made-up"] == "/etc/systemd/system/made-up.service"


def test_its_certificate_and_kubeconfig_are_issued() -> None:
    host = PkiHost("a", ("192.0.2.1",), frozenset({"node"}), "first")
    request = PkiRequest(artifacts=Path("/none"), hosts=(host,))
    (certificate,) = [entry for entry in list_certificates(request) if entry.path == "hosts/a/made-up"]
    assert certificate.common_name == "system:made-up:first"
    assert certificate.sans == ("first", "a", "192.0.2.1", "127.0.0.1")
    assert (certificate.server, certificate.client) == (True, True)
    document = yaml.safe_load(render_for_host(request, host)["made-up.conf"])
    assert document["users"][0]["user"]["client-certificate"] == "/etc/kubernetes/pki/made-up.crt"
    assert document["clusters"][0]["cluster"]["certificate-authority"] == "/etc/kubernetes/pki/node-ca.crt"


def test_it_is_verified() -> None:
    assert units.expected_units(verified_host(), verified_cluster())[3:5] == ["kubelet", "made-up"]
    assert ports.expected_ports(verified_host(), verified_cluster())["made-up peer"] == 4321
    lines: list[str] = []

    def run(line: str) -> Any:
        lines.append(line)
        return types.SimpleNamespace(stdout="bundles/x")

    host: Any = types.SimpleNamespace(run=run)
    list(versions.check_versions(host, verified_host(), verified_cluster()))
    assert " made-up" in lines[-1]


def test_the_benchmark_reads_its_flags() -> None:
    sent: list[Any] = []

    def run(text: str) -> str:
        sent.extend(json.loads(text))
        return json.dumps({"flags": {}, "files": {}, "texts": {}, "sums": {}, "providers": []})

    facts.read_facts(run, "a", NODE, facts.Paths("/c", "/p", "/e"), [])
    assert "made-up" in sent[2]


def test_operations_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Hosts(monkeypatch, health)
    monkeypatch.setattr(health, "get_objects", lambda _cluster, _kind: {"items": []})
    health.find_problems(hosts.cluster, ["a"])
    assert hosts.lines == ["systemctl is-active containerd kubelet made-up kube-proxy"]


def test_a_restore_restarts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Hosts(monkeypatch, restore_hosts)
    restore_hosts.restart_watchers(hosts.cluster, ["a"])
    restore_hosts.find_missing_hosts(hosts.cluster)
    assert "local-path-provisioner made-up; do" in hosts.lines[0]
    assert "test -e /etc/systemd/system/made-up.service" in hosts.lines[1]


def test_a_new_authority_restarts_it_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Hosts(monkeypatch, restarts)
    context = cast("OperationContext", types.SimpleNamespace(cluster=hosts.cluster))
    restarts.find_stale_units(context, "kube_node", "a")
    stale = [line.split()[1] for line in hosts.lines[0].splitlines() if line.startswith("find_stale ")]
    assert stale == ["kubelet", "made-up"]
    assert "find_stale made-up /etc/kubernetes/pki/made-up.crt" in hosts.lines[0]


def test_it_is_diagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Hosts(monkeypatch, items)
    paths = {item.path for item in items.list_host_items(hosts.cluster, "a", "-1h")}
    assert {"journal/made-up.log", "config/etc/made-up/config.yaml", "made-up/metrics.txt"} <= paths


def test_reset_and_rollback_know_it(tmp_path: Path) -> None:
    values: dict[str, Any] = {}
    for role in ("kprov_defaults", "reset", "kube_bundle"):
        values |= yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    for file in sorted(table.TABLES.glob("*.yml")):
        values |= yaml.safe_load(file.read_text())
    names = ["reset_units", "reset_paths", "reset_emptied", "kube_bundle_restart_first"]
    names.append("kube_bundle_setting_files")
    text = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"
    task = {"copy": {"dest": str(tmp_path / "rendered"), "content": text}}
    bench = Bench(tmp_path)
    run = bench.play(
        yaml.safe_dump([{"hosts": "all", "gather_facts": False, "vars": values, "tasks": [task]}])
    )
    assert not run.errors
    rendered = json.loads((tmp_path / "rendered").read_text())
    assert rendered["reset_units"][0] == "made-up"
    assert {"/etc/systemd/system/made-up.service", "/etc/made-up"} <= set(rendered["reset_paths"])
    assert "/var/lib/made-up" in rendered["reset_emptied"]
    order = rendered["kube_bundle_restart_first"]
    assert order[order.index("kubelet.service") + 1] == "made-up.service"
    assert "/etc/made-up/config.yaml" in rendered["kube_bundle_setting_files"]
