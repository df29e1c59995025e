"""Checks every host and the cluster. Only the probe is created, and removed again."""

from __future__ import annotations

import time
from pathlib import Path

from testinfra.host import Host

from kprov.errors import HostError
from kprov.inventory.cluster.variables import parse_duration
from kprov.operations.cluster import Cluster, open_cluster
from kprov.operations.lost_members import advise, find_lost_members
from kprov.operations.remote import try_command
from kprov.operations.running_cluster import read_running_cluster
from kprov.operations.unlisted_hosts import find_unlisted_hosts
from kprov.playbook.results.run_result import Callbacks, RunOptions
from kprov.verify import model
from kprov.verify.backend import Run, testinfra_host
from kprov.verify.runner import WAIT_SECONDS, verify


def verify_cluster(
    inventory: Path,
    options: RunOptions | None = None,
    callbacks: Callbacks | None = None,
    *,
    probe: bool = True,
    wait: float = WAIT_SECONDS,
) -> list[model.CheckResult]:
    """Run all checks and return their results; an unreachable host is a failed one. Raises InputError.

    wait: seconds to wait at most for components that are starting.
    `options` sets the limit, the variables and the connections; `callbacks` gets warnings.
    """
    with open_cluster(inventory, options, callbacks) as cluster:
        hosts = cluster.chosen()
        reached = cluster.engine.reach_hosts(hosts)
        unreachable = {
            connection.host: connection.error.reason
            for connection in reached
            if isinstance(connection.error, HostError)
        }
        connections: dict[str, Host] = {
            host: testinfra_host(host, _make_runner(cluster, host))
            for host in hosts
            if host not in unreachable
        }
        results = list(
            verify(describe_cluster(cluster, hosts, wait), connections, unreachable, probe=probe, wait=wait)
        )
        return results + _compare_with_inventory(cluster, list(connections))


def _compare_with_inventory(cluster: Cluster, hosts: list[str]) -> list[model.CheckResult]:
    """Return a failed result for each host that the inventory lacks or that lost its member."""
    started = time.monotonic()
    running = read_running_cluster(cluster, hosts)
    unlisted_hosts = find_unlisted_hosts(cluster, running)
    lost = find_lost_members(cluster, running, hosts)
    seconds = time.monotonic() - started
    return [
        model.CheckResult(host, "etcd", "data", ok=False, detail=f"{reason}; {advise(host)}", seconds=seconds)
        for host, reason in lost.items()
    ] + [
        model.CheckResult(
            "cluster",
            "inventory",
            host.name,
            ok=False,
            detail=f"{host.kinds}, but not in {host.place}; `kprov node remove {host.name}`",
            seconds=seconds,
        )
        for host in unlisted_hosts
    ]


def _make_runner(cluster: Cluster, host: str) -> Run:
    def run_command(line: str) -> tuple[int, str, str]:
        output = try_command(cluster, host, line)
        return output.code, output.stdout, output.stderr

    return run_command


def describe_cluster(cluster: Cluster, hosts: list[str], wait: float) -> model.Cluster:
    """Return the facts that the checks expect of these hosts."""
    variables = cluster.any_variables
    return model.Cluster(
        hosts=tuple(
            model.VerifyHost(
                name=host,
                node=cluster.node_name(host),
                address=cluster.address(host),
                groups=frozenset(cluster.engine.inventory.group_names(host)),
            )
            for host in hosts
        ),
        pki_dir=str(cluster.artifacts / "pki"),
        kubeconfig=str(cluster.artifacts / "admin.conf"),
        apiserver_port=variables.kube_apiserver_port,
        loadbalancer_port=variables.loadbalancer_apiserver_port,
        dns_domain=variables.dns_domain,
        etcd_data_dir=variables.etcd_data_dir,
        config_dir=variables.kube_config_dir,
        cert_dir=variables.kube_cert_dir,
        kubectl_cache_dir=variables.kubectl_cache_dir,
        vip=str(variables.kube_vip_address),
        encrypts_secrets=variables.kube_encrypt_secret_data,
        signs_certificates=variables.kube_sign_certificates,
        audit_log=variables.audit_log_path if variables.kubernetes_audit else "",
        kubectl_request_timeout=variables.kubectl_request_timeout,
        etcd_dial_timeout=variables.etcd_dial_timeout,
        etcd_command_timeout=variables.etcd_command_timeout,
        snapshot_max_age=(
            parse_duration(variables.etcd_snapshot_max_age) if variables.etcd_snapshot_enabled else 0.0
        ),
        snapshot_program=f"{variables.bundle_root}/etcd/etcd_snapshot.py",
        startup_seconds=max(model.STARTUP_SECONDS, wait),
        etcd_addresses=frozenset(cluster.address(host) for host in cluster.members("etcd")),
    )
