"""Runs the checks: first units on all hosts in parallel, then all others."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from testinfra.host import Host

from kprov.verify.checks import (
    api_server_files,
    certificates,
    etcd,
    etcd_snapshots,
    image_registry,
    network,
    ports,
    unenforced,
    units,
    versions,
)
from kprov.verify.checks import cluster as cluster_checks
from kprov.verify.checks import probe as probe_check
from kprov.verify.kubectl import Kubectl, KubectlError
from kprov.verify.model import REACHABLE, Area, CheckResult, Cluster, Finding, VerifyHost
from kprov.verify.startup import Startup

WAIT_SECONDS = 60.0
EVERYBODY = frozenset({"etcd", "kube_control_plane", "kube_node"})
UNITS = Area("units", EVERYBODY, units.check_units)
#: Seconds for which hosts share one answer of the API.
_FACTS_SECONDS = 0.5


ClusterCheck = Callable[[Kubectl, Cluster], Iterator[Finding]]
#: The checks through the API, before the probe, in the order of the output.
CLUSTER_AREAS: dict[str, ClusterCheck] = {
    "nodes": cluster_checks.check_nodes,
    "leaders": cluster_checks.check_leaders,
    "unenforced": unenforced.check_objects,
}


class NodeFacts:
    """The nodes' networks from the API, read on first use and again when the answer is old."""

    def __init__(self, kubectl: Kubectl | None) -> None:
        self._kubectl = kubectl
        self._lock = threading.Lock()
        self._networks: network.PodNetworks = {}
        self._asked_at = float("-inf")

    def __call__(self) -> network.PodNetworks:
        with self._lock:
            if time.monotonic() - self._asked_at > _FACTS_SECONDS:
                self._networks = self._ask()
                self._asked_at = time.monotonic()
            return self._networks

    def _ask(self) -> network.PodNetworks:
        if self._kubectl is None:
            return {}
        try:
            items = self._kubectl.get("nodes")["items"]
        except KubectlError:
            return {}
        networks = {}
        for node in items:
            addresses = {a["type"]: a["address"] for a in node.get("status", {}).get("addresses", [])}
            networks[node["metadata"]["name"]] = (
                node["spec"].get("podCIDR", ""),
                addresses.get("InternalIP", ""),
            )
        return networks


def host_areas(facts: Callable[[], network.PodNetworks]) -> list[Area]:
    """Return the checks of hosts after the units, in the order of the output."""
    nodes = frozenset({"kube_node"})
    return [
        Area("ports", EVERYBODY, ports.check_ports),
        Area("certificates", EVERYBODY, certificates.check_certificates),
        Area("api server", frozenset({"kube_control_plane"}), api_server_files.check_files),
        Area("versions", EVERYBODY, versions.check_versions),
        Area("etcd", frozenset({"etcd"}), etcd.check_member),
        Area("snapshots", frozenset({"etcd"}), etcd_snapshots.check_snapshots),
        Area("images", EVERYBODY, image_registry.check_registry),
        Area("network", nodes, network.make_check(facts)),
    ]


def verify(
    cluster: Cluster,
    connections: Mapping[str, Host],
    unreachable: Mapping[str, str],
    *,
    probe: bool = True,
    wait: float = WAIT_SECONDS,
) -> Iterator[CheckResult]:
    """Run all checks; yield the results of a host when it has finished.

    connections: testinfra hosts by name; unreachable: the reason for each other host, as a failed result.
    wait: seconds to wait at most for components that are starting; see startup.py.
    """
    startup = Startup(wait)
    lost = [
        CheckResult(name, "ssh", REACHABLE, ok=False, detail=reason, seconds=0.0)
        for name, reason in unreachable.items()
    ]
    startup.observe(lost)
    yield from lost
    hosts = [host for host in cluster.hosts if host.name in connections]
    admin = next(
        (connections[h.name] for h in cluster.in_group("kube_control_plane") if h.name in connections), None
    )
    kubectl = make_kubectl(admin, cluster) if admin is not None else None
    todo = host_areas(NodeFacts(kubectl))
    with ThreadPoolExecutor(max_workers=len(hosts) + 1, thread_name_prefix="verify") as pool:

        def look_at_units() -> list[CheckResult]:
            unit_results = pool.map(lambda me: check_area(UNITS, me, connections[me.name], cluster), hosts)
            return [result for results in unit_results for result in results]

        # Units first: they show whether components are starting, or stopped.
        yield from startup.check_until_started(look_at_units)
        jobs = [
            pool.submit(_verify_host, host, connections[host.name], cluster, todo, startup) for host in hosts
        ]
        probing = probe_check.make_check(frozenset(unreachable), wait) if probe else None
        jobs.append(pool.submit(_verify_cluster, kubectl, cluster, probing, startup))
        for job in as_completed(jobs):
            yield from job.result()


def make_kubectl(admin: Host, cluster: Cluster) -> Kubectl:
    """Return kubectl on a control plane host."""
    return Kubectl(admin, cluster.config_dir, cluster.kubectl_cache_dir, cluster.kubectl_request_timeout)


def _verify_host(
    me: VerifyHost, host: Host, cluster: Cluster, todo: list[Area], startup: Startup
) -> list[CheckResult]:
    results = []
    for area in todo:
        if area.concerns(me):
            results += startup.check_until_started(functools.partial(check_area, area, me, host, cluster))
    return results


def check_area(area: Area, me: VerifyHost, host: Host, cluster: Cluster) -> list[CheckResult]:
    """Return the results of one area on one host."""
    return collect_results(me.name, area.name, lambda: area.check(host, me, cluster))


def _verify_cluster(
    kubectl: Kubectl | None, cluster: Cluster, probe: ClusterCheck | None, startup: Startup
) -> list[CheckResult]:
    if kubectl is None:
        detail = "no control plane host can be reached"
        return [CheckResult("cluster", "api", "reachable", ok=False, detail=detail, seconds=0.0)]
    results = []
    for area, check in CLUSTER_AREAS.items():
        collect = functools.partial(
            collect_results, "cluster", area, functools.partial(check, kubectl, cluster)
        )
        results += startup.check_until_started(collect)
    if probe is not None:
        # The probe has its own wait.
        results += collect_results("cluster", "probe", lambda: probe(kubectl, cluster))
    return results


def collect_results(host: str, area: str, check: Callable[[], Iterator[Finding]]) -> list[CheckResult]:
    """Return the findings of one area as results; an exception becomes a failed result."""
    results = []
    last = time.monotonic()
    try:
        for finding in check():
            now = time.monotonic()
            results.append(
                CheckResult(
                    host,
                    area,
                    finding.name,
                    finding.ok,
                    finding.detail,
                    seconds=now - last,
                    starting=finding.starting,
                    warning=finding.warning,
                    headline=finding.headline,
                )
            )
            last = now
    except Exception as error:
        detail = str(error) if isinstance(error, KubectlError) else f"{type(error).__name__}: {error}"
        results.append(
            CheckResult(
                host,
                area,
                "check",
                ok=False,
                detail=detail.strip().splitlines()[0],
                seconds=time.monotonic() - last,
                starting=isinstance(error, KubectlError),
            )
        )
    return results
