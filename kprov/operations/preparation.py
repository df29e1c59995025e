"""What every run that changes hosts does first: reach and check them, issue certificates, build bundles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from kprov.bundle.build import Bundle, build_bundle
from kprov.bundle.sources import Description, describe_sources
from kprov.operations import offline
from kprov.operations.bundle_pins import pin_bundles
from kprov.operations.cluster import GROUPS, Cluster, Say
from kprov.operations.immutable_variables import check_unchanged
from kprov.operations.lost_cluster import check_remains
from kprov.operations.lost_members import check_members
from kprov.operations.preflight import preflight_up, read_ignored
from kprov.operations.running_cluster import RunningCluster, read_running_cluster
from kprov.operations.shared_credentials import check_shared_credentials
from kprov.operations.unlisted_hosts import UnlistedHost, find_unlisted_hosts
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.operations.vip_network import check_vip_network
from kprov.pki import lost_keys, rotation
from kprov.pki.ensure import ensure_pki
from kprov.pki.request import GROUP_ROLES, PkiHost, PkiRequest


@dataclass
class Preparation:
    """What was found and made. `facts` are those of the reachable hosts, by host."""

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: RunningCluster = field(default_factory=RunningCluster)
    certificates: list[str] = field(default_factory=list)
    unlisted_hosts: list[UnlistedHost] = field(default_factory=list)


def prepare_cluster(
    cluster: Cluster,
    say: Say,
    ignore: Collection[str] = (),
    step_done: Callable[[str], None] = lambda _: None,
    *,
    keep_pins: bool = True,
    replaced: Collection[str] = (),
    refuse_lost: bool = False,
) -> Preparation:
    """Reach and check the hosts, issue certificates, build bundles. Changes no host. Raises KprovError.

    `ignore` are names of preflight checks. `step_done` is called with the name of each step when it ends.
    `keep_pins`: hosts that a rollback returned to a bundle keep it.
    `replaced` are hosts that may have lost their member of etcd.
    `refuse_lost`: raise InputError if the cluster existed, and all of its hosts have lost it.
    """
    engine, callbacks = cluster.engine, cluster.engine.callbacks
    prepared = Preparation()
    ignored = read_ignored(cluster, ignore)
    export = offline.open_export(cluster, say)
    request = make_pki_request(cluster, offline.list_registry_hosts(cluster, export))
    step_done("inventory")
    describe = _start_description() if export is None else None
    hosts = cluster.members(*GROUPS)
    say(f"Connecting to {len(hosts)} hosts")
    prepared.facts = connect_hosts(cluster, hosts)
    offline.use_export(cluster, prepared.facts, export)
    check_vip_network(cluster, prepared.facts)
    if refuse_lost:
        check_remains(cluster, prepared.facts)
    prepared.running = read_running_cluster(cluster, prepared.facts)
    check_unchanged(cluster, prepared.running)
    check_shared_credentials(request.pki, prepared.running.credentials)
    lost = lost_keys.list_lost(request.pki)
    if lost and rotation.read_stage(request.pki) is None:
        callbacks.warning(f"{', '.join(lost)}: the key is lost: {lost_keys.ADVICE}")
    check_members(cluster, prepared.running, prepared.facts, replaced)
    prepared.unlisted_hosts = find_unlisted_hosts(cluster, prepared.running)
    for host in prepared.unlisted_hosts:
        callbacks.warning(str(host))
    step_done("reach")
    preflight_up(cluster, prepared.facts, callbacks, ignored)
    step_done("preflight")
    prepared.certificates = ensure_pki(request) if not engine.options.check else []
    if prepared.certificates:
        say(f"Issued {len(prepared.certificates)} certificates and keys in {cluster.artifacts / 'pki'}")
    step_done("certificates")
    if describe is not None:
        build_bundles(cluster, prepared.facts, say, describe)
    if keep_pins:
        pin_bundles(cluster, prepared.running.pins)
    step_done("bundle")
    return prepared


def make_pki_request(cluster: Cluster, registries: Sequence[str] = ()) -> PkiRequest:
    """Return what the certificates need to know about the inventory, and the hosts of registries."""
    variables = cluster.any_variables
    roles = [(cluster.members(group), role) for group, role in GROUP_ROLES.items()]
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
        encrypt_secrets=variables.kube_encrypt_secret_data,
    )


def _start_description() -> Callable[[], Description]:
    """Start to read the sources of the components while hosts are connected; the result returns them."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="sources")
    description = pool.submit(describe_sources)
    pool.shutdown(wait=False)
    return description.result


def build_bundles(
    cluster: Cluster,
    facts: dict[str, dict[str, Any]],
    say: Say,
    describe: Callable[[], Description] = describe_sources,
) -> None:
    """Build the bundle for each host's Python and architecture; set it as variables of the host."""
    built: dict[tuple[str, str], Bundle] = {}
    for host, host_facts in facts.items():
        kind = (
            ".".join(str(host_facts["ansible_python_version"]).split(".")[:2]),
            host_facts["ansible_architecture"],
        )
        if kind not in built:
            built[kind] = build_bundle(python=kind[0], arch=kind[1], say=say, describe=describe)
        bundle = built[kind]
        cluster.engine.inventory.hosts[host].variables["kube_bundle_archive"] = str(bundle.path)
        cluster.engine.inventory.hosts[host].variables["kube_bundle_digest"] = bundle.digest
