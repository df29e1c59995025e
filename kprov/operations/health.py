"""Health gates: waits between the steps of an operation until the cluster can bear the next one."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterable

from kprov.contract.components.table import find_runtime, list_components, list_host_units
from kprov.errors import HostError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import etcdctl_line, get_objects, kubectl_line, try_command

#: Seconds between two tries.
_INTERVAL = 1.0


class UnhealthyError(KprovError):
    """The cluster did not become healthy in time; the message has the last reason."""


def wait_until_healthy(cluster: Cluster, hosts: Iterable[str], timeout: float) -> None:
    """Wait until etcd, components and nodes of these hosts are healthy. Raises UnhealthyError."""
    wait_for(lambda: find_problems(cluster, hosts), timeout)


def wait_for(find: Callable[[], list[str]], timeout: float) -> None:
    """Call `find` until it returns no problem. Raises UnhealthyError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while problems := find():
        if time.monotonic() > deadline:
            raise UnhealthyError(f"not healthy after {timeout:g} s: {'; '.join(problems)}")
        time.sleep(_INTERVAL)


def find_problems(cluster: Cluster, hosts: Iterable[str]) -> list[str]:
    """Return what is not healthy on these hosts, a line each; empty if nothing is wrong."""
    problems: list[str] = []
    hosts = list(hosts)
    for host in hosts:
        try:
            problems += _find_host_problems(cluster, host)
        except HostError as error:
            problems.append(str(error))
    try:
        problems += _find_node_problems(cluster, hosts)
    except KprovError as error:
        problems.append(str(error))
    return problems


def list_awaited_units(groups: Iterable[str]) -> list[str]:
    """Return the units of a host of these groups that must be active before an operation continues."""
    awaited = {component.name for component in list_components() if component.health_gate}
    awaited.add(find_runtime().name)
    return [unit for unit in list_host_units(groups) if unit in awaited]


def _find_host_problems(cluster: Cluster, host: str) -> list[str]:
    groups = cluster.engine.inventory.group_names(host)
    timeout = cluster.variables[host].kubectl_request_timeout
    lines: list[tuple[str, str]] = []
    units = list_awaited_units(groups)
    if "etcd" in groups:
        lines.append(("etcd does not serve in a quorum", etcdctl_line(cluster, host, "endpoint health")))
    if "kube_control_plane" in groups:
        ready = f"get --raw=/readyz --request-timeout={timeout}"
        lines.append(("the API server is not ready", kubectl_line(cluster, host, ready)))
    problems = []
    states = try_command(cluster, host, f"systemctl is-active {shlex.join(units)}").stdout.split()
    problems += [
        f"{host}: {unit} is {state}" for unit, state in zip(units, states, strict=False) if state != "active"
    ]
    problems += [f"{host}: {text}" for text, line in lines if try_command(cluster, host, line).code != 0]
    return problems


def _find_node_problems(cluster: Cluster, hosts: Iterable[str]) -> list[str]:
    nodes = set(cluster.members("kube_node"))
    names = {cluster.node_name(host): host for host in hosts if host in nodes}
    if not names:
        return []
    ready = {
        item["metadata"]["name"]
        for item in get_objects(cluster, "nodes")["items"]
        for condition in item["status"].get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    }
    return [f"{host}: the node {name} is not Ready" for name, host in names.items() if name not in ready]
