"""What a diagnosis collects: a file of the archive for each command on a host."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from kprov.contract.components.model import render_text
from kprov.contract.components.table import (
    find_runtime,
    list_host_components,
    list_host_units,
    list_rows,
)
from kprov.operations.cluster import Cluster
from kprov.operations.remote import etcdctl_line, kubectl_line

#: Seconds for one command.
COMMAND_SECONDS = 30
#: Bytes of one file: the end of a journal, the beginning of anything else.
FILE_BYTES = 2 << 20
#: Kinds of objects. Secrets and ConfigMaps are left out: a bug report seldom needs what they hold.
OBJECTS = ("nodes", "events", "pods", "leases", "services", "endpointslices", "namespaces", "daemonsets",
           "deployments", "csr", "persistentvolumes", "persistentvolumeclaims")  # fmt: skip
#: Hosts need not have curl.
_READ_URL = "import urllib.request as request; print(request.urlopen('{url}', timeout=5).read().decode())"


@dataclass(frozen=True)
class Item:
    """A file of the archive. `line` is a shell command; `end` keeps the end of long output."""

    path: str
    line: str
    end: bool = False


def bound_line(item: Item, seconds: int = COMMAND_SECONDS, limit: int = FILE_BYTES) -> str:
    """Return the item's command with limits on its time and output; failures are lines of the output."""
    cut = "tail" if item.end else "head"
    return (
        f'{{ timeout -k 2 {seconds} sh -c {shlex.quote(item.line)} 2>&1 || echo "[exit code $?]"; }} '
        f"| {cut} -c {limit}"
    )


def list_host_items(cluster: Cluster, host: str, since: str) -> list[Item]:
    """Return what is collected from a host. `since` is an argument of `journalctl --since`."""
    groups = cluster.engine.inventory.group_names(host)
    units = list_units(cluster, groups)
    root = cluster.variables[host].bundle_root
    items = [*_list_systemd_items(units, since), *_list_system_items(root), *_list_network_items()]
    items += _list_config_items(cluster, host)
    if "etcd" in groups:
        items += _list_etcd_items(cluster, host)
    items += _list_endpoint_items(groups)
    if "kube_control_plane" in groups:
        items.append(Item("readyz.txt", kubectl_line(cluster, host, "get --raw=/readyz?verbose")))
    return items


def list_units(cluster: Cluster, groups: Iterable[str]) -> list[str]:
    """Return the units of a host of these groups."""
    return list_host_units(groups, partial(getattr, cluster.any_variables))


def list_cluster_items(cluster: Cluster, host: str) -> list[Item]:
    """Return what is collected from the API through this control plane host."""
    timeout = "--request-timeout=20s"
    return [
        Item("objects.json", kubectl_line(cluster, host, f"get {','.join(OBJECTS)} -A -o json {timeout}")),
        Item("objects.txt", kubectl_line(cluster, host, f"get nodes,pods,leases -A -o wide {timeout}")),
        Item(
            "events.txt",
            kubectl_line(cluster, host, f"get events -A --sort-by=.lastTimestamp {timeout}"),
            end=True,
        ),
        Item("version.txt", kubectl_line(cluster, host, "version")),
    ]


def _list_systemd_items(units: list[str], since: str) -> Iterator[Item]:
    names = " ".join(f"{unit}.service" for unit in units)
    yield Item("units.txt", f"systemctl --no-pager --full status {names} -n 0; systemctl --failed --no-pager")
    yield Item("unit-properties.txt", f"systemctl show --no-pager {names}")
    yield Item("unit-files.txt", f"systemctl cat --no-pager {names}")
    for unit in units:
        yield Item(
            f"journal/{unit}.log",
            f"journalctl -q --no-pager -o short-iso-precise --utc --no-hostname --since {shlex.quote(since)} "
            f"-u {unit}.service",
            end=True,
        )
    yield Item(
        "journal/kernel.log",
        f"journalctl -q -k --no-pager --utc -o short-iso-precise --since {shlex.quote(since)}",
        end=True,
    )


def _list_system_items(root: str) -> Iterator[Item]:
    folder = shlex.quote(root)
    runtime = find_runtime()
    programs = (
        f"for program in etcd haproxy keepalived {' '.join(runtime.programs)} kubectl python3; do "
        'path=$(command -v $program) || continue; echo "== $path"; case $program in '
        "haproxy) $path -v;; kubectl) $path version --client;; *) $path --version;; esac; done; "
        f"ls -l {folder} {folder}/current/bin; {folder}/current/bin/kubelet --version"
    )
    yield Item("versions.txt", f"uname -a; cat /etc/os-release; {programs}")
    yield Item("resources.txt", "uptime; nproc; free -m; df -h; df -i; cat /proc/pressure/* 2>/dev/null")
    yield Item("clock.txt", "date -u +%Y-%m-%dT%H:%M:%S.%NZ; timedatectl show 2>/dev/null || true")
    yield Item("processes.txt", "ps -eo pid,ppid,user,stat,start,time,rss,args --sort=-rss")
    yield Item("containers.txt", runtime.listing)
    yield Item(
        "file-modes.txt",
        "find /etc/kubernetes /etc/etcd /var/lib/kubelet -maxdepth 3 -printf '%m %u:%g %s %p\\n' 2>/dev/null",
    )


def _list_network_items() -> Iterator[Item]:
    yield Item(
        "network/addresses.txt", "ip -details address show; ip -statistics link show; ip neighbour show"
    )
    yield Item("network/routes.txt", "ip rule show; ip route show table all")
    yield Item("network/sockets.txt", "ss -H -tulpn; ss -s")
    yield Item("network/nftables.txt", "nft list ruleset")
    yield Item("network/resolv.conf", "cat /etc/resolv.conf /etc/hosts")
    yield Item(
        "network/sysctl.txt",
        "sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.netfilter.nf_conntrack_max "
        "net.netfilter.nf_conntrack_count",
    )


def _list_config_items(cluster: Cluster, host: str) -> Iterator[Item]:
    """Yield configuration files. Kubeconfigs, keys and the encryption configuration stay on the hosts."""
    lookup = partial(getattr, cluster.variables[host])
    for text in (text for row in list_rows() for text in row.diagnosed):
        path = render_text(text, lookup)
        yield Item(f"config{path}", f"[ ! -e {path} ] || cat {path}")


def _list_etcd_items(cluster: Cluster, host: str) -> Iterator[Item]:
    for name, words in (
        ("status", "endpoint status --cluster -w table"),
        ("health", "endpoint health --cluster -w table"),
        ("members", "member list -w table"),
        ("alarms", "alarm list"),
    ):
        yield Item(f"etcd/{name}.txt", etcdctl_line(cluster, host, words))


def _list_endpoint_items(groups: Iterable[str]) -> Iterator[Item]:
    for component in list_host_components(groups):
        for url in component.endpoints:
            path = f"{component.name}/{url.rpartition('/')[2]}.txt"
            yield Item(path, f"python3 -c {shlex.quote(_READ_URL.format(url=url))}")
