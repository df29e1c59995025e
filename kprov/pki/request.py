"""The values that a cluster's certificates depend on, independent of the inventory."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kprov.errors import InputError

Role = Literal["control_plane", "etcd", "node", "registry"]
#: The role of the hosts of a group of the inventory.
GROUP_ROLES: dict[str, Role] = {"kube_control_plane": "control_plane", "etcd": "etcd", "kube_node": "node"}
COMMON_NAME_LIMIT = 64  # RFC 5280, ub-common-name-length
NODE_PREFIX = "system:node:"


@dataclass(frozen=True)
class PkiHost:
    """A host: its names in the inventory and as a node, its IP addresses, and its components."""

    name: str
    addresses: tuple[str, ...]
    roles: frozenset[Role]
    node_name: str = ""

    @property
    def node(self) -> str:
        return self.node_name or self.name

    @property
    def groups(self) -> frozenset[str]:
        """The groups of the inventory that the host's roles stand for."""
        return frozenset(group for group, role in GROUP_ROLES.items() if role in self.roles)


@dataclass(frozen=True)
class PkiRequest:
    """The facts about a cluster that its certificates need.

    `artifacts` is the folder that gets `pki/` and `admin.conf`; `service_cidr` has one network or two, with a
    comma between; `vip` is an address or empty; `extra_sans` are further names and addresses of the API;
    `cert_dir` is where hosts have their certificates; `encrypt_secrets` whether etcd gets encrypted secrets.

    Raises:
        InputError: an address or a network is invalid, or a name is too long for a certificate.

    """

    artifacts: Path
    hosts: tuple[PkiHost, ...]
    service_cidr: str = "10.233.0.0/18"
    domain: str = "cluster.local"
    vip: str = ""
    extra_sans: tuple[str, ...] = ()
    cluster_name: str = "cluster.local"
    api_port: int = 8443
    cert_dir: str = "/etc/kubernetes/pki"
    encrypt_secrets: bool = False
    service_addresses: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        try:
            networks = [ipaddress.ip_network(part.strip()) for part in self.service_cidr.split(",")]
        except ValueError as error:
            raise InputError(str(error), field="kube_service_addresses") from error
        object.__setattr__(self, "service_addresses", tuple(str(network[1]) for network in networks))
        for host in self.hosts:
            if len(NODE_PREFIX + host.node) > COMMON_NAME_LIMIT:
                raise InputError(
                    "too long for a certificate, at most 52 characters", field=f"host {host.node}"
                )
            for address in host.addresses:
                _check_address(address, f"address of {host.name}")
        if self.vip:
            _check_address(self.vip, "kube_vip_address")

    @property
    def pki(self) -> Path:
        return self.artifacts / "pki"

    @property
    def api_address(self) -> str:
        """The address for external clients: the virtual one, or the first control plane host's."""
        if self.vip:
            return self.vip
        return next(host.addresses[0] for host in self.hosts if "control_plane" in host.roles)


def _check_address(text: str, place: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise InputError(str(error), field=place) from error
