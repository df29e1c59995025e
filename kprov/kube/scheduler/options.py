"""Flags of kube-scheduler, and its configuration file (kubescheduler.config.k8s.io/v1)."""

from __future__ import annotations

from dataclasses import dataclass

from kprov.kube.component_base import configfile, durations
from kprov.kube.component_base.options import FlagSet
from kprov.kube.scheduler.configuration import document


@dataclass(frozen=True, kw_only=True)
class Options:
    """The scheduler's options from its flags and configuration file. Durations are in seconds."""

    kubeconfig: str
    bind_address: str
    secure_port: int
    tls_cert_file: str
    tls_private_key_file: str
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
    """Options from the command line; a configuration file's values replace the flags', as upstream's do."""
    flags = FlagSet("kube-scheduler", "assigns pods to nodes")
    flags.string("config", "", "KubeSchedulerConfiguration file")
    flags.string("kubeconfig", "", "file with the API server's address and this program's credentials")
    flags.string(
        "authentication-kubeconfig",
        "",
        "accepted; requests to this program are answered by --bind-address only",
    )
    flags.string("authorization-kubeconfig", "", "accepted, as --authentication-kubeconfig")
    flags.string("bind-address", "0.0.0.0", "address of the secure port")
    flags.integer("secure-port", 10259, "port of /healthz, /readyz and /metrics; 0: none")
    flags.string("tls-cert-file", "", "certificate of the secure port; empty: a self-signed one")
    flags.string("tls-private-key-file", "", "its key")
    flags.boolean("leader-elect", True, "work only while holding the lease")
    flags.duration("leader-elect-lease-duration", 15.0, "how long a lease that is not renewed holds")
    flags.duration("leader-elect-renew-deadline", 10.0, "how long a leader tries to renew")
    flags.duration("leader-elect-retry-period", 2.0, "time between two tries")
    values = flags.parse(argv)
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
        bind_address=values.bind_address,
        secure_port=values.secure_port,
        tls_cert_file=values.tls_cert_file,
        tls_private_key_file=values.tls_private_key_file,
        leader_elect=values.leader_elect if election.leader_elect is None else election.leader_elect,
        lease_duration=_read_seconds(election.lease_duration, values.leader_elect_lease_duration),
        renew_deadline=_read_seconds(election.renew_deadline, values.leader_elect_renew_deadline),
        retry_period=_read_seconds(election.retry_period, values.leader_elect_retry_period),
        lease_name=election.resource_name,
        lease_namespace=election.resource_namespace,
        configuration=configuration,
        qps=connection.qps or 500.0,
        burst=connection.burst or 1000,
        verbosity=values.v,
    )


def _read_seconds(text: str, default: float) -> float:
    return durations.parse(text) if text else default
