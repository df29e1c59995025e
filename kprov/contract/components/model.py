"""The typed rows of the tables. The tables, in roles/kprov_defaults/vars/main, explain the fields."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

GROUPS = ("kube_control_plane", "etcd", "kube_node")
#: In place of a group: every host of the cluster.
ALL = "all"
#: Variables of kprov_defaults that texts of rows may name.
VARIABLES = frozenset(
    {
        *("kube_config_dir", "kube_cert_dir", "kube_owner", "bundle_root", "etcd_data_dir"),
        *("nodelocaldns_ip", "local_path_provisioner_claim_root"),
    }
)
PORT_VARIABLES = frozenset({"kube_apiserver_port", "loadbalancer_apiserver_port"})
#: Variables of a host that the common name of its certificate may name.
NAME_VARIABLES = frozenset({"inventory_hostname", "kube_node_name"})
NAMES = ("service", "localhost", "host", "control_plane", "service_addresses", "vip", "supplementary")
AUTHORITIES = ("ca", "etcd-ca", "front-proxy-ca")
VARIABLE = re.compile(r"\{\{ *(\w+) *\}\}")

#: Return the value of a variable.
Lookup = Callable[[str], Any]
Protocol = Literal["tcp", "udp"]


def render_text(text: str, lookup: Lookup) -> str:
    """Replace the variables of a row's text by their values."""
    return VARIABLE.sub(lambda match: str(lookup(match[1])), text)


@dataclass(frozen=True, slots=True)
class Port:
    """Ports on which a component listens. `port` is a number, or a text that names a variable."""

    port: int | str
    addresses: tuple[str, ...]
    protocols: tuple[str, ...]
    title: str
    clients: tuple[str, ...]

    def number(self, lookup: Lookup) -> int:
        """Return the port's number with the values of variables."""
        return int(render_text(str(self.port), lookup))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of each host; `names` are kinds of subject alternative names."""

    file: str
    authority: str
    common_name: str
    organizations: tuple[str, ...]
    names: tuple[str, ...]
    usages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A kubeconfig, the certificate that it names, and the file of the authority on the host."""

    file: str
    certificate: str
    authority: str


@dataclass(frozen=True, slots=True)
class Package:
    """The package to check, and the archive that a host may have instead."""

    name: str
    archive: str


@dataclass(frozen=True, slots=True)
class Component:
    """A row of kprov_components; `name` is that of the unit."""

    name: str
    groups: tuple[str, ...]
    start_order: int
    stop_order: int
    enabled_by: str
    own_file: str
    program: str
    user: str
    package: Package | None
    ports: tuple[Port, ...]
    certificates: tuple[Certificate, ...]
    kubeconfig: Kubeconfig | None
    read_at_start: tuple[str, ...]
    settings: tuple[str, ...]
    diagnosed: tuple[str, ...]
    endpoints: tuple[str, ...]
    health_gate: bool
    restore: str
    benchmark: bool
    removed: tuple[str, ...]
    emptied: tuple[str, ...]

    def belongs_to(self, groups: frozenset[str]) -> bool:
        """Whether hosts of these groups have it, as far as the groups decide."""
        return ALL in self.groups or not groups.isdisjoint(self.groups)

    def is_on(self, groups: frozenset[str], lookup: Lookup) -> bool:
        """Whether a host of these groups has it, with the values of the variables."""
        return self.belongs_to(groups) and (not self.enabled_by or bool(lookup(self.enabled_by)))


@dataclass(frozen=True, slots=True)
class Runtime:
    """A row of kprov_container_runtimes; `name` is that of the unit."""

    name: str
    start_order: int
    role: str
    socket: str
    packages: tuple[str, ...]
    own_file: str
    data_dir: str
    log_format: str
    programs: tuple[str, ...]
    listing: str
    diagnosed: tuple[str, ...]
    removed: tuple[str, ...]
    emptied: tuple[str, ...]
    removed_if_empty: tuple[str, ...]
