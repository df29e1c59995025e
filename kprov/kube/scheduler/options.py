"""Flags of kube-scheduler, and its configuration file (kubescheduler.config.k8s.io/v1)."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Final

from kprov.kube.component_base import configfile, durations
from kprov.kube.component_base.options import FlagSet
from kprov.kube.component_base.serving_flags import add_serving_flags, find_serving_problem
from kprov.kube.component_base.unused_flags import COMMON, UnusedFlags, add_unused_flags
from kprov.kube.scheduler.configuration import document

_LEASE: Final = "kube-scheduler"
_LEASE_NAMESPACE: Final = "kube-system"
_QPS: Final = 500.0
_BURST: Final = 1000

_UNUSED: Final = UnusedFlags(
    durations={"pod-max-in-unschedulable-pods-duration": "waiting pods are tried again after events"},
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The scheduler's options from its flags and configuration file. Durations are in seconds.

    master: address of the API server, "" for the kubeconfig's. serving: the values of serving_flags.
    """

    kubeconfig: str
    master: str
    serving: Namespace
    leader_elect: bool
    lease_duration: float
    renew_deadline: float
    retry_period: float
    lease_name: str
    lease_namespace: str
    configuration: document.Configuration
    qps: float
    burst: int
    verbosity: int


def parse(argv: list[str] | None = None) -> Options:
    """Parse the command line. The configuration file's values replace the flags', as upstream's do."""
    flags = FlagSet("kube-scheduler", "assigns pods to nodes")
    flags.string("config", "", "KubeSchedulerConfiguration file")
    flags.string("kubeconfig", "", "file with the API server's address and this program's credentials")
    add_serving_flags(flags, 10259)
    flags.boolean("leader-elect", True, "work only while holding the lease")
    flags.duration("leader-elect-lease-duration", 15.0, "how long a lease that is not renewed holds")
    flags.duration("leader-elect-renew-deadline", 10.0, "how long a leader tries to renew")
    flags.duration("leader-elect-retry-period", 2.0, "time between two tries")
    flags.string("leader-elect-resource-lock", "leases", "only leases")
    flags.string("leader-elect-resource-name", _LEASE, "name of the lease")
    flags.string("leader-elect-resource-namespace", _LEASE_NAMESPACE, "its namespace")
    flags.string("master", "", "address of the API server, instead of the kubeconfig's")
    flags.floating("kube-api-qps", _QPS, "requests a second to the API server")
    flags.integer("kube-api-burst", _BURST, "requests to the API server at once")
    add_unused_flags(flags, COMMON)
    add_unused_flags(flags, _UNUSED)
    values = flags.parse(argv)
    if problem := find_serving_problem(values):
        raise SystemExit(f"Error: {problem}")
    try:
        configuration = document.load(values.config) if values.config else document.Configuration()
    except configfile.ConfigError as error:
        raise SystemExit("\n".join(f"Error: {line}" for line in str(error).splitlines())) from None
    connection, election = configuration.client_connection, configuration.leader_election
    kubeconfig = connection.kubeconfig or values.kubeconfig
    if not kubeconfig:
        raise SystemExit("Error: --kubeconfig or clientConnection.kubeconfig is required")
    return Options(
        kubeconfig=kubeconfig,
        master=values.master,
        serving=values,
        leader_elect=values.leader_elect if election.leader_elect is None else election.leader_elect,
        lease_duration=_read_seconds(election.lease_duration, values.leader_elect_lease_duration),
        renew_deadline=_read_seconds(election.renew_deadline, values.leader_elect_renew_deadline),
        retry_period=_read_seconds(election.retry_period, values.leader_elect_retry_period),
        lease_name=election.resource_name or values.leader_elect_resource_name,
        lease_namespace=election.resource_namespace or values.leader_elect_resource_namespace,
        configuration=configuration,
        qps=connection.qps or values.kube_api_qps,
        burst=connection.burst or values.kube_api_burst,
        verbosity=values.v,
    )


def _read_seconds(text: str, default: float) -> float:
    return durations.parse(text) if text else default
