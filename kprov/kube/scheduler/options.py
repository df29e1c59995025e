"""Flags of kube-scheduler, and its configuration file (kubescheduler.config.k8s.io/v1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kprov.kube.component_base import configfile, durations
from kprov.kube.component_base.options import FlagSet


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
    scheduler_name: str
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
        config = (
            configfile.load(values.config, "kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration")
            if values.config
            else {}
        )
    except configfile.ConfigError as error:
        raise SystemExit(f"Error: {error}") from None
    connection: dict[str, Any] = config.get("clientConnection") or {}
    election: dict[str, Any] = config.get("leaderElection") or {}
    profiles: list[dict[str, Any]] = config.get("profiles") or [{}]
    _reject_unsupported(config, profiles)
    kubeconfig = connection.get("kubeconfig") or values.kubeconfig
    if not kubeconfig:
        raise SystemExit("Error: --kubeconfig or clientConnection.kubeconfig is required")
    return Options(
        kubeconfig=kubeconfig,
        bind_address=values.bind_address,
        secure_port=values.secure_port,
        tls_cert_file=values.tls_cert_file,
        tls_private_key_file=values.tls_private_key_file,
        leader_elect=bool(election.get("leaderElect", values.leader_elect)),
        lease_duration=_read_seconds(election.get("leaseDuration"), values.leader_elect_lease_duration),
        renew_deadline=_read_seconds(election.get("renewDeadline"), values.leader_elect_renew_deadline),
        retry_period=_read_seconds(election.get("retryPeriod"), values.leader_elect_retry_period),
        lease_name=election.get("resourceName") or "kube-scheduler",
        lease_namespace=election.get("resourceNamespace") or "kube-system",
        scheduler_name=profiles[0].get("schedulerName") or "default-scheduler",
        qps=float(connection.get("qps") or 500),
        burst=int(connection.get("burst") or 1000),
        verbosity=values.v,
    )


def _reject_unsupported(config: dict[str, Any], profiles: list[dict[str, Any]]) -> None:
    """What would be ignored is refused: nobody should believe that it works."""
    if len(profiles) > 1:
        raise SystemExit("Error: profiles: one profile is supported")
    for field in ("plugins", "pluginConfig"):
        if profiles[0].get(field):
            raise SystemExit(f"Error: profiles[0].{field}: not supported; the default plugins run")
    if config.get("extenders"):
        raise SystemExit("Error: extenders: not supported")


def _read_seconds(text: str | None, default: float) -> float:
    return durations.parse(text) if text else default
