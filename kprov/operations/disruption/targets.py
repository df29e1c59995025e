"""What `kprov verify --disrupt` kills, where, and how long the gap may be."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass

from kprov.errors import InputError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import etcdctl_line, run_etcdctl, run_kubectl, try_command


@dataclass(frozen=True)
class Disruption:
    """One part that is killed. `budget` is in seconds; `lease`: the gap is that of this lease's renewals."""

    name: str
    title: str
    budget: float
    kill: str
    find_host: Callable[[Cluster], str]
    lease: str = ""


def _kill_line(unit: str) -> str:
    return f"systemctl kill --signal=SIGKILL {unit}.service"


#: Without shutdown or sync, as in a power cut. The delay lets the agent answer before the host is gone.
_REBOOT = "systemd-run --quiet --collect sh -c 'sleep 1; systemctl reboot --force --force'"


def find_etcd_leader(cluster: Cluster) -> str:
    """Return the host of etcd's leader."""
    host = cluster.members("etcd")[0]
    for host in cluster.members("etcd"):
        output = try_command(cluster, host, etcdctl_line(cluster, host, "endpoint status -w json"))
        if output.code == 0:
            status = json.loads(output.stdout)[0]["Status"]
            if status["leader"] == status["header"]["member_id"]:
                return host
    raise KprovError(f"etcd has no leader: {run_etcdctl(cluster, 'endpoint health')}")


def find_vip_host(cluster: Cluster) -> str | None:
    """Return the host that has the VIP; None without a VIP."""
    vip = cluster.any_variables.kube_vip_address
    for host in cluster.members("kube_control_plane") if vip else ():
        line = f"ip -o address show to {vip}"
        if try_command(cluster, host, line).stdout.strip():
            return host
    return None


def _find_api_server(cluster: Cluster) -> str:
    return cluster.members("kube_control_plane")[0]


def _find_load_balancer(cluster: Cluster) -> str:
    """Return the host whose load balancer the users' connections go through."""
    return find_vip_host(cluster) or cluster.members("kube_control_plane")[0]


def _find_holder(lease: str) -> Callable[[Cluster], str]:
    """Return a function that returns the host of the lease's holder."""

    def find(cluster: Cluster) -> str:
        path = "{.spec.holderIdentity}"
        holder = run_kubectl(cluster, f"-n kube-system get lease {lease} -o jsonpath={shlex.quote(path)}")
        name = holder.partition("_")[0]
        for host in cluster.members("kube_control_plane"):
            if name in (host, cluster.node_name(host)):
                return host
        hostnames = {
            try_command(cluster, host, "hostname").stdout.strip(): host
            for host in cluster.members("kube_control_plane")
        }
        if name not in hostnames:
            raise KprovError(f"the holder {holder!r} of the lease {lease} is on no control plane host")
        return hostnames[name]

    return find


def _find_whole_host(cluster: Cluster) -> str:
    """Return the host whose loss takes most with it: that of the VIP, or etcd's leader."""
    return find_vip_host(cluster) or find_etcd_leader(cluster)


#: In the order in which they are killed.
DISRUPTIONS = (
    Disruption("etcd_leader", "etcd's leader", 10, _kill_line("etcd"), find_etcd_leader),
    Disruption("api_server", "an API server", 5, _kill_line("kube-apiserver"), _find_api_server),
    Disruption("load_balancer", "a load balancer", 5, _kill_line("haproxy"), _find_load_balancer),
    Disruption("scheduler", "the leading scheduler", 30, _kill_line("kube-scheduler"),
               _find_holder("kube-scheduler"), "kube-scheduler"),
    Disruption("controller_manager", "the leading controller manager", 30,
               _kill_line("kube-controller-manager"), _find_holder("kube-controller-manager"),
               "kube-controller-manager"),
    Disruption("host", "a whole host", 15, _REBOOT, _find_whole_host),
)  # fmt: skip


def read_budgets(texts: Collection[str]) -> dict[str, float]:
    """Return the budgets by name, with those of `NAME=SECONDS` texts. Raises InputError."""
    budgets = {disruption.name: disruption.budget for disruption in DISRUPTIONS}
    for text in texts:
        name, _, seconds = text.partition("=")
        try:
            number = float(seconds)
        except ValueError:
            number = 0.0
        if name not in budgets or not 0 < number < float("inf"):
            known = ", ".join(budgets)
            raise InputError(f"{text!r} is not NAME=SECONDS with a name of {known}", field="--budget")
        budgets[name] = number
    return budgets


def choose_probe_host(cluster: Cluster, target: str) -> str:
    """Return the host that measures: a control plane host, another one than the target if there is one."""
    hosts = cluster.members("kube_control_plane")
    return next((host for host in hosts if host != target), hosts[0])


def explain_impossible(cluster: Cluster, disruption: Disruption, target: str) -> str:
    """Return why the cluster cannot survive the loss of this host; empty if it can."""
    if disruption.name != "host":
        return ""
    if len(cluster.members("kube_control_plane")) == 1:
        return "the only control plane host: its loss is an outage"
    if target in cluster.members("etcd") and len(cluster.members("etcd")) < 3:
        return "etcd has no quorum without this host"
    return ""
