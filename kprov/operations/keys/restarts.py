"""Restarts the components that started before their certificates and keys changed, one after the other.

The roles restart a component when its own files change. Authorities are shared, and some components read them
only when they start: etcd, API servers (etcd's authority), controller managers and schedulers, kubelets.
kube-proxy, the cluster DNS, the pod network and the local path provisioner read changed files while they run.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import partial

from kprov.contract.components.model import render_text
from kprov.contract.components.table import list_group_components
from kprov.operations.health import wait_until_healthy
from kprov.operations.keys.host_files import list_cluster_hosts
from kprov.operations.phases import OperationContext
from kprov.operations.remote import run_command

#: Seconds for a host to become healthy after a restart.
HEALTHY_SECONDS = 300.0
#: The groups in the order of restarts: a client after its servers.
_GROUPS = ("etcd", "kube_control_plane", "kube_node")
#: Prints the units that are older than one of their files, in microseconds: the roles copy a file and restart
#: its unit within a second, and that unit needs no other restart.
_FIND = """find_stale() {
  unit=$1; shift
  shown=$(systemctl show -p ExecMainStartTimestamp --value --timestamp=us+utc "$unit")
  [ -n "$shown" ] || return 0
  started=$(date -d "$shown" +%s%6N) || return 0
  for file; do
    [ -e "$file" ] || continue
    changed=$(stat -c %.6Z "$file" | tr -dc 0-9)
    if [ "$changed" -ge "$started" ]; then echo "$unit"; return 0; fi
  done
}
"""


def find_stale_units(context: OperationContext, group: str, host: str) -> list[str]:
    """Return the units of a group's components on a host that run with files from before a change."""
    lookup = partial(getattr, context.cluster.variables[host])
    lines = [_FIND]
    for component in sorted(list_group_components(group), key=lambda component: component.start_order):
        if component.read_at_start:
            paths = [render_text(path, lookup) for path in component.read_at_start]
            lines.append(f"find_stale {component.name} {shlex.join(paths)}\n")
    return run_command(context.cluster, host, "".join(lines)).split()


def list_stale_units(context: OperationContext, hosts: Iterable[str]) -> list[str]:
    """Return a line for each unit on these hosts that needs a restart."""
    wanted = set(hosts)
    return [
        f"restart {unit} on {host}"
        for group in _GROUPS
        for host in _list_members(context, group)
        if host in wanted
        for unit in find_stale_units(context, group, host)
    ]


def restart_stale_units(context: OperationContext) -> None:
    """Restart them, one host after the other; each is healthy before the next one. Raises KprovError."""
    for group in _GROUPS:
        for host in _list_members(context, group):
            units = find_stale_units(context, group, host)
            if not units:
                continue
            if group == "etcd":
                # The other members must have a quorum without this one.
                wait_until_healthy(context.cluster, _list_members(context, group), HEALTHY_SECONDS)
            context.say(f"  {host}: restart {', '.join(units)}")
            run_command(context.cluster, host, f"systemctl restart {shlex.join(units)}")
            wait_until_healthy(context.cluster, [host], HEALTHY_SECONDS)


def _list_members(context: OperationContext, group: str) -> list[str]:
    members = set(context.cluster.members(group))
    return [host for host in list_cluster_hosts(context.cluster) if host in members]
