"""What a verification is made of: the cluster as it should be, checks, and their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from testinfra.host import Host

Runner = Callable[[str], tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class VerifyHost:
    """One host as the inventory has it. `node` is its name in the cluster, `address` where it is reached."""

    name: str
    node: str
    address: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The facts that checks compare the hosts with."""

    hosts: tuple[VerifyHost, ...]
    pki_dir: str
    kubeconfig: str
    apiserver_port: int
    loadbalancer_port: int
    pods_subnet: str
    dns_domain: str
    etcd_data_dir: str
    config_dir: str
    cert_dir: str
    vip: str = ""
    #: Addresses of all hosts of etcd in the inventory; `hosts` are those that --limit leaves.
    etcd_addresses: frozenset[str] = frozenset()

    def in_group(self, group: str) -> list[VerifyHost]:
        """Hosts of a group, in the inventory's order."""
        return [host for host in self.hosts if group in host.groups]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of looking at one thing. `detail` says what is there; for a failure also what was expected.

    starting: the failure may pass while components start; for a unit that passes: it became active recently.
    warning: the user should know `detail`, but the check passes.
    """

    name: str
    ok: bool
    detail: str = ""
    starting: bool = False
    warning: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding with its place: which host (or "cluster"), which area (units, etcd, routes ...)."""

    host: str
    area: str
    name: str
    ok: bool
    detail: str
    seconds: float
    starting: bool = False
    warning: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON form of `kprov verify -o json`."""
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
    """A check of one host: looks through testinfra, yields findings, changes nothing."""

    def __call__(self, host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]: ...


@dataclass(frozen=True, slots=True)
class Area:
    """A group of checks under one name, for hosts of the given groups."""

    name: str
    groups: frozenset[str]
    check: HostCheck = field(repr=False)

    def concerns(self, host: VerifyHost) -> bool:
        """Whether the host is in one of the area's groups."""
        return bool(self.groups & host.groups)
