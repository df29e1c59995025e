"""The types of a verification: the expected cluster, checks, and their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from testinfra.host import Host

Runner = Callable[[str], tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class VerifyHost:
    """A host of the inventory. `node` is its name in the cluster, `address` its IP address there."""

    name: str
    node: str
    address: str
    groups: frozenset[str]


#: Seconds that components need after their units are active, to register, acquire leases and add routes.
STARTUP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The expected facts that checks compare the hosts with."""

    hosts: tuple[VerifyHost, ...]
    pki_dir: str
    kubeconfig: str
    apiserver_port: int
    loadbalancer_port: int
    dns_domain: str
    etcd_data_dir: str
    config_dir: str
    cert_dir: str
    kubectl_cache_dir: str
    vip: str = ""
    #: Whether API servers encrypt secrets in etcd, and the path of their audit log ("" for none).
    encrypts_secrets: bool = False
    audit_log: str = ""
    #: Whether control plane hosts have the key of the cluster's CA. None: it is not checked.
    signs_certificates: bool | None = None
    #: Addresses of all etcd hosts of the inventory; `hosts` has only those that --limit selects.
    etcd_addresses: frozenset[str] = frozenset()
    #: Time limits of commands on the hosts, as kubectl and etcdctl read them.
    kubectl_request_timeout: str = "15s"
    etcd_dial_timeout: str = "2s"
    etcd_command_timeout: str = "4s"
    #: Seconds after which a proven snapshot of etcd is too old; 0 without a timer for snapshots.
    snapshot_max_age: float = 0.0
    snapshot_program: str = ""
    #: Seconds after the start of a unit for which failures may pass.
    startup_seconds: float = STARTUP_SECONDS

    def lookup(self, variable: str) -> Any:
        """Return the value of a variable that the table of components names."""
        return {
            "kube_apiserver_port": self.apiserver_port,
            "loadbalancer_apiserver_port": self.loadbalancer_port,
            "kube_vip_address": self.vip,
        }[variable]

    def in_group(self, group: str) -> list[VerifyHost]:
        """Return the hosts of a group, in the inventory's order."""
        return [host for host in self.hosts if group in host.groups]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking at one thing. `detail` says what is there; for a failure also what was expected.

    starting: the failure may pass while components start; for a unit that passes: it became active recently.
    warning: the user should know `detail`, but the check passes.
    headline: the user wants to see `detail` also if nothing is wrong.
    """

    name: str
    ok: bool
    detail: str = ""
    starting: bool = False
    warning: bool = False
    headline: bool = False


#: The check that fails for a host which does not answer.
REACHABLE = "reachable"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding with its host (or "cluster") and area (units, etcd, network ...)."""

    host: str
    area: str
    name: str
    ok: bool
    detail: str
    seconds: float
    starting: bool = False
    warning: bool = False
    headline: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for `kprov verify -o json`."""
        return {
            "host": self.host,
            "area": self.area,
            "check": self.name,
            "ok": self.ok,
            "warning": self.warning,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
        }


class HostCheck(Protocol):
    """A check of one host: reads through testinfra, yields findings, changes nothing."""

    def __call__(self, host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]: ...


@dataclass(frozen=True, slots=True)
class Area:
    """A named group of checks for hosts of some groups."""

    name: str
    groups: frozenset[str]
    check: HostCheck = field(repr=False)

    def concerns(self, host: VerifyHost) -> bool:
        """Whether the host is in one of the area's groups."""
        return bool(self.groups & host.groups)
