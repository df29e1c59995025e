"""The gate after each step of an upgrade or rollback: components, nodes, and a command of the user."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime

from kprov.errors import HostError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.health import find_problems, wait_for
from kprov.operations.host_versions import read_versions
from kprov.operations.remote import get_objects, run_command

#: Lines of the command's output in an error.
_LAST_LINES = 5


class GateError(KprovError):
    """The user's command failed."""


def pass_gate(
    cluster: Cluster, hosts: Sequence[str], digests: Mapping[str, str], command: str, timeout: float
) -> None:
    """Wait until the hosts are healthy with these bundles, then run the user's command.

    A node counts as healthy only if its kubelet has renewed its lease since now: the API server shows the
    state of a dead kubelet for a while. Raises UnhealthyError or GateError.
    """
    started = {host: float(run_command(cluster, host, "date +%s.%N")) for host in hosts}

    def find() -> list[str]:
        problems = find_problems(cluster, hosts)
        # Each of these needs what the one before it checks.
        return problems or _find_other_bundles(cluster, digests) or _find_silent_nodes(cluster, started)

    wait_for(find, timeout)
    if command:
        _run_gate(cluster, hosts, command, timeout)


def _find_other_bundles(cluster: Cluster, digests: Mapping[str, str]) -> list[str]:
    """Return the components that do not run from the bundle of their host."""
    try:
        versions_by_host = read_versions(cluster, digests)
    except HostError as error:
        return [str(error)]
    return [
        f"{host}: {', '.join(others)} do not run from bundle {digests[host]}"
        for host, versions in versions_by_host.items()
        if (others := versions.find_others(digests[host]))
    ]


def _find_silent_nodes(cluster: Cluster, started: Mapping[str, float]) -> list[str]:
    """Return the hosts whose kubelet has not renewed its lease since the time of each host's clock."""
    nodes = set(cluster.members("kube_node"))
    names = {cluster.node_name(host): host for host in started if host in nodes}
    if not names:
        return []
    try:
        leases = get_objects(cluster, "leases -n kube-node-lease")["items"]
    except KprovError as error:
        return [str(error)]
    renewed = {
        lease["metadata"]["name"]: datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp()
        for lease in leases
        if lease["spec"].get("renewTime")
    }
    return [
        f"{host}: the kubelet does not renew the lease of node {name}"
        for name, host in names.items()
        if renewed.get(name, 0.0) < started[host]
    ]


def _run_gate(cluster: Cluster, hosts: Sequence[str], command: str, timeout: float) -> None:
    environment = os.environ | {
        "KUBECONFIG": str((cluster.artifacts / "admin.conf").resolve()),
        "KPROV_HOSTS": " ".join(hosts),
    }
    try:
        # The command is the operator's own.
        done = subprocess.run(  # noqa: S602
            command,
            shell=True,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GateError(f"the gate `{command}` did not end within {timeout:g} s") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-_LAST_LINES:]
        raise GateError(f"the gate `{command}` failed with exit code {done.returncode}: " + "\n".join(lines))
