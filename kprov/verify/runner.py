"""Runs all areas on all hosts at once, the cluster's checks beside them; yields results as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from testinfra.host import Host

from kprov.verify.checks import certificates, etcd, network, ports, units, versions
from kprov.verify.checks import cluster as cluster_checks
from kprov.verify.kubectl import Kubectl, KubectlError
from kprov.verify.model import Area, CheckResult, Cluster, Finding, VerifyHost

EVERYBODY = frozenset({"etcd", "kube_control_plane", "kube_node"})
CLUSTER_CHECKS = (
    ("nodes", cluster_checks.nodes),
    ("leaders", cluster_checks.leaders),
    ("probe", cluster_checks.probe),
)


class NodeFacts:
    """What the API says of the nodes' networks, asked once, by whoever needs it first."""

    def __init__(self, kubectl: Kubectl | None) -> None:
        self._kubectl = kubectl
        self._lock = threading.Lock()
        self._known: network.PodNetworks | None = None

    def __call__(self) -> network.PodNetworks:
        with self._lock:
            if self._known is None:
                self._known = self._ask()
            return self._known

    def _ask(self) -> network.PodNetworks:
        if self._kubectl is None:
            return {}
        try:
            items = self._kubectl.get("nodes")["items"]
        except KubectlError:
            return {}
        known = {}
        for node in items:
            addresses = {a["type"]: a["address"] for a in node.get("status", {}).get("addresses", [])}
            known[node["metadata"]["name"]] = (
                node["spec"].get("podCIDR", ""),
                addresses.get("InternalIP", ""),
            )
        return known


def areas(facts: Callable[[], network.PodNetworks]) -> list[Area]:
    """The host checks in the order in which they are shown."""
    nodes = frozenset({"kube_node"})
    return [
        Area("units", EVERYBODY, units.check),
        Area("ports", EVERYBODY, ports.check),
        Area("certificates", EVERYBODY, certificates.check),
        Area("versions", EVERYBODY, versions.check),
        Area("etcd", frozenset({"etcd"}), etcd.check),
        Area("network", nodes, network.check(facts)),
    ]


def verify(
    cluster: Cluster, connections: Mapping[str, Host], unreachable: Mapping[str, str], *, probe: bool = True
) -> Iterator[CheckResult]:
    """Results of everything, a host's as soon as it is through.

    connections: testinfra hosts by name; unreachable: why the others have none, each a failed result.
    """
    for name, reason in unreachable.items():
        yield CheckResult(name, "ssh", "reachable", ok=False, detail=reason, seconds=0.0)
    admin = next(
        (connections[h.name] for h in cluster.in_group("kube_control_plane") if h.name in connections), None
    )
    kubectl = Kubectl(admin, cluster.config_dir) if admin is not None else None
    todo = areas(NodeFacts(kubectl))
    with ThreadPoolExecutor(max_workers=len(connections) + 1, thread_name_prefix="verify") as pool:
        jobs = [
            pool.submit(_verify_host, host, connections[host.name], cluster, todo)
            for host in cluster.hosts
            if host.name in connections
        ]
        jobs.append(pool.submit(_verify_cluster, kubectl, cluster, probe=probe))
        for job in as_completed(jobs):
            yield from job.result()


def _verify_host(me: VerifyHost, host: Host, cluster: Cluster, todo: list[Area]) -> list[CheckResult]:
    results = []
    for area in todo:
        if area.concerns(me):
            results += _timed(me.name, area.name, lambda area=area: area.check(host, me, cluster))  # type: ignore[misc]
    return results


def _verify_cluster(kubectl: Kubectl | None, cluster: Cluster, *, probe: bool) -> list[CheckResult]:
    if kubectl is None:
        detail = "no control plane host can be reached"
        return [CheckResult("cluster", "api", "reachable", ok=False, detail=detail, seconds=0.0)]
    results = []
    for area, check in CLUSTER_CHECKS:
        if area != "probe" or probe:
            results += _timed("cluster", area, lambda check=check: check(kubectl, cluster))  # type: ignore[misc]
    return results


def _timed(host: str, area: str, check: Callable[[], Iterator[Finding]]) -> list[CheckResult]:
    """Findings of one area as results; a check that cannot run is a failed result, not a traceback."""
    results = []
    last = time.monotonic()
    try:
        for finding in check():
            now = time.monotonic()
            results.append(CheckResult(host, area, finding.name, finding.ok, finding.detail, now - last))
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
            )
        )
    return results
