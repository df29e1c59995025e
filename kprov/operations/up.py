"""Installs or updates a cluster: the steps in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kprov.bundle.build import Bundle, build_bundle
from kprov.inventory.cluster import variable_effects
from kprov.operations import live, offline, segment, trust, unchangeable
from kprov.operations.cluster import GROUPS, PLAYBOOKS, ROOT, Cluster, connect_hosts, open_cluster
from kprov.operations.outsiders import Outsider, find_outsiders
from kprov.operations.preflight import preflight_up, read_ignored
from kprov.pki.ensure import ensure_pki
from kprov.pki.request import PkiHost, PkiRequest, Role
from kprov.playbook.loading import playbook_loader
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult

Say = Callable[[str], None]
PLAYBOOK = PLAYBOOKS / "cluster.yml"
_ROLES: dict[str, Role] = {"kube_control_plane": "control_plane", "etcd": "etcd", "kube_node": "node"}


@dataclass
class UpResult:
    """The result of a run: the playbook's result, written certificates, and seconds by step.

    `outsiders` are hosts of the cluster that the inventory does not have.
    """

    kubeconfig: Path
    run: RunResult = field(default_factory=RunResult)
    certificates: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    outsiders: list[Outsider] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything changed, on this machine or on a host."""
        return bool(self.run.changed or self.certificates)

    def report(self) -> dict[str, Any]:
        """Return the playbook's report and the steps as a JSON document."""
        return self.run.to_json() | {
            "kubeconfig": str(self.kubeconfig),
            "certificates": self.certificates,
            "steps": self.seconds,
        }


def install_cluster(
    inventory: Path, options: RunOptions, callbacks: Callbacks, say: Say, ignore: Collection[str] = ()
) -> UpResult:
    """Validate, reach, check the hosts, issue certificates, build the bundle, provision. Raises KprovError.

    `ignore` are names of preflight checks.
    """
    started = time.monotonic()
    # A check changes nothing. A task may then fail only because an earlier change is missing:
    # treat such failures as a plan does.
    options = replace(options, plan=options.check)
    with open_cluster(inventory, options, callbacks) as cluster:
        result = UpResult(cluster.artifacts / "admin.conf")

        def step(name: str) -> None:
            nonlocal started
            result.seconds[name] = round(time.monotonic() - started, 2)
            started = time.monotonic()

        for text in variable_effects.list_warnings(
            variable_effects.find_effects(cluster.engine.inventory, ROOT), str(inventory)
        ):
            callbacks.warning(text)
        if options.tags != ("all",) or options.skip_tags:
            cluster.engine.check_selection(playbook_loader.load_playbook(PLAYBOOK))
        ignored = read_ignored(cluster, ignore)
        export = offline.open_export(cluster, say)
        request = make_pki_request(cluster, offline.list_registry_hosts(cluster, export))
        step("inventory")
        hosts = cluster.members(*GROUPS)
        say(f"Connecting to {len(hosts)} hosts")
        facts = connect_hosts(cluster, hosts)
        if export is not None:
            offline.use_export(cluster, facts, export)
        segment.check_vip_network(cluster, facts)
        running = live.read_live(cluster, facts)
        unchangeable.check_unchanged(cluster, running)
        trust.check_trust(request.pki, running)
        result.outsiders = find_outsiders(cluster, running)
        for outsider in result.outsiders:
            callbacks.warning(str(outsider))
        step("reach")
        preflight_up(cluster, facts, callbacks, ignored)
        step("preflight")
        result.certificates = ensure_pki(request) if not options.check else []
        if result.certificates:
            say(f"Issued {len(result.certificates)} certificates and keys in {cluster.artifacts / 'pki'}")
        step("certificates")
        if export is None:
            _build_bundles(cluster, facts, say)
        step("bundle")
        cluster.engine.options = replace(options, journal=options.journal or cluster.artifacts / "journal")
        result.run = cluster.engine.run(PLAYBOOK)
        step("provision")
        return result


def make_pki_request(cluster: Cluster, registries: Sequence[str] = ()) -> PkiRequest:
    """Return what the certificates need to know about the inventory, and the hosts of registries."""
    variables = cluster.any_variables
    roles = [(cluster.members(group), role) for group, role in _ROLES.items()]
    roles.append((list(registries), "registry"))
    hosts = tuple(
        PkiHost(
            name=host,
            addresses=(cluster.address(host),),
            roles=frozenset(role for members, role in roles if host in members),
            node_name=cluster.node_name(host),
        )
        for host in cluster.members(*GROUPS)
    )
    return PkiRequest(
        artifacts=cluster.artifacts,
        hosts=hosts,
        service_cidr=str(variables.kube_service_addresses),
        domain=variables.dns_domain,
        vip=str(variables.kube_vip_address),
        extra_sans=tuple(variables.supplementary_addresses_in_ssl_keys),
        cluster_name=variables.cluster_name,
        api_port=variables.loadbalancer_apiserver_port,
        cert_dir=variables.kube_cert_dir,
    )


def _build_bundles(cluster: Cluster, facts: dict[str, dict[str, Any]], say: Say) -> None:
    """Build the bundle for each host's Python and architecture; set it as variables of the host."""
    built: dict[tuple[str, str], Bundle] = {}
    for host, host_facts in facts.items():
        kind = (
            ".".join(str(host_facts["ansible_python_version"]).split(".")[:2]),
            host_facts["ansible_architecture"],
        )
        if kind not in built:
            built[kind] = build_bundle(python=kind[0], arch=kind[1], say=say)
        bundle = built[kind]
        cluster.engine.inventory.hosts[host].variables["kube_bundle_archive"] = str(bundle.path)
        cluster.engine.inventory.hosts[host].variables["kube_bundle_digest"] = bundle.digest
