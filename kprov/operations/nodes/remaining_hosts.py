"""Updates the other hosts when hosts come and go: names, load balancers, API servers, certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kprov.contract.components.table import find_runtime
from kprov.operations.bundle_pins import keep_bundles
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.preparation import make_pki_request
from kprov.pki.ensure import ensure_pki


def list_tags(cluster: Cluster, hosts: Iterable[str]) -> list[str]:
    """Return the tags of the roles whose files name these hosts: all, if the inventory lacks one of them."""
    groups: set[str] = set()
    for host in hosts:
        known = host in cluster.engine.inventory.hosts
        groups.update(cluster.engine.inventory.group_names(host) if known else GROUPS)
    variables = cluster.any_variables
    tags = ["proxy", "host"]
    if "kube_control_plane" in groups:
        tags += ["haproxy", "keepalived"]
    if groups & {"kube_control_plane", "etcd"}:
        tags.append("kube_apiserver")
    if variables.http_proxy or variables.https_proxy:
        tags.append(find_runtime().role)
    return tags


def describe_tags(cluster: Cluster, tags: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return what a run with these tags does on the other hosts."""
    lines = [f"update the names of hosts on {', '.join(others)}"]
    if "haproxy" in tags:
        lines.append(f"update the load balancers on {', '.join(others)}")
    if "kube_apiserver" in tags:
        servers = [host for host in others if host in cluster.members("kube_control_plane")]
        lines.append(
            f"update certificates and etcd's addresses of the API servers on {', '.join(servers)}, "
            "which restart one after the other if something changes"
        )
    return lines


def update_remaining_hosts(
    context: OperationContext, others: Sequence[str], tags: Sequence[str], *, check: bool = False
) -> None:
    """Run the roles that name the cluster's hosts; the components keep their bundle, units and settings."""
    cluster = context.cluster
    if not check:
        changed = ensure_pki(make_pki_request(cluster))
        if changed:
            context.say(f"  issued {len(changed)} certificates")
    with keep_bundles(cluster, others):
        # The role kube_bundle has the tag of each component, too.
        context.run_playbook(others, tags=tags, skip_tags=["kube_bundle"], check=check)


def list_remaining_hosts(cluster: Cluster, hosts: Iterable[str]) -> list[str]:
    """Return the reachable hosts of the cluster without these."""
    excluded = {*hosts, *cluster.engine.unreachable_hosts}
    return [host for host in cluster.members(*GROUPS) if host not in excluded]


def make_remaining_hosts_phase(context: OperationContext, hosts: Sequence[str], *, gone: bool) -> Phase:
    """Return the phase that updates the other hosts. `gone`: as if the inventory did not have these hosts.

    The inventory may lack hosts that are gone.
    """
    cluster = context.cluster
    tags = list_tags(cluster, hosts)
    others = list_remaining_hosts(cluster, hosts)

    def with_inventory(work: Callable[[], None]) -> None:
        if gone:
            with cluster.hide_hosts(hosts):
                work()
        else:
            work()

    def run(*, check: bool = False) -> None:
        final = tags if gone else [*tags, "node_roles"]
        with_inventory(lambda: update_remaining_hosts(context, others, final, check=check))

    return Phase(
        f"Update the other hosts {'without' if gone else 'for'} {', '.join(hosts)}",
        lambda: describe_tags(cluster, tags, others) if others else [],
        run,
        lambda: run(check=True),
    )
