"""Reads the state of a running cluster: files on its hosts, its API, and etcd's members.

It changes nothing. Parts that do not answer are left out: a cluster is also repaired while its API is down.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kprov.errors import HostError
from kprov.operations.cluster import Cluster, run_read_only
from kprov.operations.host_answers import read_answer
from kprov.operations.remote import etcdctl_line, kubectl_line, try_command

T = TypeVar("T")

APISERVER = "/etc/systemd/system/kube-apiserver.service"
CONTROLLER_MANAGER = "/etc/systemd/system/kube-controller-manager.service"
KUBELET = "/etc/systemd/system/kubelet.service"
ETCD = "/etc/etcd/etcd.conf.yml"
_FILES = {"kube_control_plane": (APISERVER, CONTROLLER_MANAGER), "etcd": (ETCD,)}

#: Files that the hosts share with the operator's `pki/`, by their names there, with kube_cert_dir and
#: kube_config_dir.
_SHARED = {
    "kube_control_plane": {
        "ca.crt": "{cert_dir}/ca.crt",
        "front-proxy-ca.crt": "{cert_dir}/front-proxy-ca.crt",
        "sa.pub": "{cert_dir}/sa.pub",
        "encryption.json": "{config_dir}/encryption-config.yaml",
    },
    "etcd": {"etcd-ca.crt": "/etc/etcd/pki/ca.crt"},
}

#: Variables by file, each with a regular expression whose group 1 is the variable's value.
_VALUES: dict[str, dict[str, re.Pattern[str]]] = {
    CONTROLLER_MANAGER: {
        "kube_pods_subnet": re.compile(r"--cluster-cidr=(\S+)"),
        "kube_network_node_prefix": re.compile(r"--node-cidr-mask-size=(\S+)"),
        "kube_service_addresses": re.compile(r"--service-cluster-ip-range=(\S+)"),
    },
    APISERVER: {
        "kube_service_addresses": re.compile(r"--service-cluster-ip-range=(\S+)"),
        "dns_domain": re.compile(r"--service-account-issuer=https://kubernetes\.default\.svc\.(\S+)"),
    },
    ETCD: {
        "cluster_name": re.compile(r"^initial-cluster-token: (\S+)$", re.MULTILINE),
        "etcd_data_dir": re.compile(r"^data-dir: (\S+)$", re.MULTILINE),
    },
}


@dataclass(frozen=True)
class Setting:
    """The value of a variable in a file on a host."""

    value: str
    host: str
    path: str


@dataclass(frozen=True)
class RunningCluster:
    """`settings` by variable, empty without a cluster; other fields are None if nothing answered.

    `nodes`: a node's pod network ("" for none) by its name; `service_cidr`: the network of the ClusterIPs;
    `members`: etcd's members, the address of a member by its name; `credentials`: the PEM texts of the
    authorities and of the service accounts' public keys, and the encryption configuration, on the hosts, by
    the names that these have in the operator's `pki/`; `pins`: the digest of the bundle to which a rollback
    returned a host, by host.
    """

    settings: dict[str, list[Setting]] = field(default_factory=dict)
    nodes: dict[str, str] | None = None
    service_cidr: str | None = None
    members: dict[str, str] | None = None
    credentials: dict[str, list[Setting]] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)


def read_running_cluster(cluster: Cluster, hosts: Iterable[str]) -> RunningCluster:
    """Read the state from the reachable hosts."""
    reached = list(hosts)
    control_plane = [host for host in cluster.members("kube_control_plane") if host in reached]
    etcd = [host for host in cluster.members("etcd") if host in reached]
    with ThreadPoolExecutor(max_workers=max(1, min(cluster.engine.options.forks, len(reached)))) as pool:
        texts = dict(zip(reached, pool.map(lambda host: _read_files(cluster, host), reached), strict=True))
        settings = read_settings(texts)
        if not settings:
            return RunningCluster()
        members = pool.submit(lambda: _first_answer(etcd, lambda host: _read_members(cluster, host)))
        api = _first_answer(control_plane, lambda host: _read_api_objects(cluster, host))
        nodes, service_cidr = api if api is not None else (None, None)
        credentials, pins = _read_credentials(cluster, texts), _read_pins(cluster, texts)
        return RunningCluster(settings, nodes, service_cidr, members.result(), credentials, pins)


def read_credentials(cluster: Cluster, hosts: Iterable[str]) -> dict[str, list[Setting]]:
    """Read the credentials of a running cluster from these reachable hosts; empty without a cluster."""
    reached = list(hosts)
    with ThreadPoolExecutor(max_workers=max(1, min(cluster.engine.options.forks, len(reached)))) as pool:
        texts = dict(zip(reached, pool.map(lambda host: _read_files(cluster, host), reached), strict=True))
    return _read_credentials(cluster, texts) if read_settings(texts) else {}


def read_settings(texts: Mapping[str, Mapping[str, str]]) -> dict[str, list[Setting]]:
    """Return the values by variable, from the texts of files by host and path.

    Empty unless a host has a controller manager, which is installed after the API has served first:
    before that there is no cluster that a changed value could break.
    """
    if not any(CONTROLLER_MANAGER in files for files in texts.values()):
        return {}
    settings: dict[str, list[Setting]] = {}
    for host, files in texts.items():
        for path, text in files.items():
            for name, expression in _VALUES.get(path, {}).items():
                match = expression.search(text)
                if match:
                    settings.setdefault(name, []).append(Setting(match[1], host, path))
    return settings


def _read_files(cluster: Cluster, host: str) -> dict[str, str]:
    groups = set(cluster.engine.inventory.group_names(host))
    paths = [path for group, files in _FILES.items() if group in groups for path in files]
    paths += _list_shared_files(cluster, host).values()
    if groups & {"kube_control_plane", "kube_node"}:
        paths += _list_pin_files(cluster, host)
    if not paths:
        return {}
    results = run_read_only(cluster, host, "slurp", [{"src": path} for path in paths])
    with read_answer(host, "slurp"):
        return {
            path: base64.b64decode(result["content"]).decode("utf-8", "replace")
            for path, result in zip(paths, results, strict=False)
            if not result.get("failed")
        }


def _list_shared_files(cluster: Cluster, host: str) -> dict[str, str]:
    """Return the paths on the host by the names in the operator's `pki/`."""
    groups = cluster.engine.inventory.group_names(host)
    variables = cluster.variables[host]
    return {
        name: path.format(cert_dir=variables.kube_cert_dir, config_dir=variables.kube_config_dir)
        for group, files in _SHARED.items()
        if group in groups
        for name, path in files.items()
    }


def _list_pin_files(cluster: Cluster, host: str) -> tuple[str, str]:
    """Return the paths of the mark of a rollback and of the digest of the bundle in use."""
    root = cluster.variables[host].bundle_root
    return f"{root}/pinned", f"{root}/current/.complete"


def _read_pins(cluster: Cluster, texts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the bundles that rollbacks chose. A mark that does not fit the bundle in use is ignored."""
    pins = {}
    for host, files in texts.items():
        pinned, current = (files.get(path, "").strip() for path in _list_pin_files(cluster, host))
        if pinned and pinned == current:
            pins[host] = pinned
    return pins


def _read_credentials(cluster: Cluster, texts: Mapping[str, Mapping[str, str]]) -> dict[str, list[Setting]]:
    settings: dict[str, list[Setting]] = {}
    for host, files in texts.items():
        for name, path in _list_shared_files(cluster, host).items():
            if path in files:
                settings.setdefault(name, []).append(Setting(files[path], host, path))
    return settings


def _read_api_objects(cluster: Cluster, host: str) -> tuple[dict[str, str], str | None] | None:
    """Read the pod networks by node and the service network from the host's API server."""
    timeout = cluster.variables[host].kubectl_request_timeout
    arguments = f"get nodes,servicecidrs -o json --request-timeout={timeout}"
    answer = _run_json(cluster, host, kubectl_line(cluster, host, arguments))
    return None if answer is None else parse_api_objects(answer["items"])


def parse_api_objects(items: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], str | None]:
    """Return the pod networks by node, and the network of the API server's default ServiceCIDR."""
    nodes: dict[str, str] = {}
    service_cidr = None
    for item in items:
        name = item["metadata"]["name"]
        if item["kind"] == "Node":
            nodes[name] = item["spec"].get("podCIDR", "")
        elif name == "kubernetes":
            service_cidr = ",".join(item["spec"]["cidrs"])
    return nodes, service_cidr


def _read_members(cluster: Cluster, host: str) -> dict[str, str] | None:
    """Read etcd's members from the member on this host."""
    answer = _run_json(cluster, host, etcdctl_line(cluster, host, "--write-out=json member list"))
    return None if answer is None else parse_etcd_members(answer["members"])


def parse_etcd_members(members: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return addresses by name from `etcdctl member list`; an unstarted member is named by its address."""
    members_by_name = {}
    for member in members:
        address = member["peerURLs"][0].split("//")[1].rsplit(":", 1)[0]
        members_by_name[member.get("name") or address] = address
    return members_by_name


def _first_answer(hosts: Iterable[str], ask: Callable[[str], T | None]) -> T | None:
    """Return the first answer that is not None."""
    return next((answer for host in hosts if (answer := ask(host)) is not None), None)


def _run_json(cluster: Cluster, host: str, line: str) -> dict[str, Any] | None:
    """Return the JSON document that a command prints; None if it fails."""
    try:
        output = try_command(cluster, host, line)
        document: dict[str, Any] = json.loads(output.stdout)
    except (HostError, ValueError):
        return None
    return document if output.code == 0 else None
