"""The definition of a lab: its hosts and addresses, and the names of its kernel objects.

All names follow from the lab's name, so that remains of a lab are found without a record.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from kprov.content import caches
from kprov.debian.packages import RELEASE
from kprov.errors import InputError

STATE = Path("/var/lib/kprov/lab")
CACHE = caches.CACHE / "lab"
USER = "kprov"  # logs in on every host, with sudo

DEFAULT_NAME = "default"
DEFAULT_SUBNET = "10.70.0.0/24"
DEFAULT_HOSTS = 3
RELEASES = ("bookworm", "trixie")  # Debian 12 and 13
FIRST_HOST = 11  # .1 is the gateway; the addresses below the hosts are free for virtual addresses in tests
VIP_OFFSET = 100
INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ of Linux without the terminating zero

_NAME = re.compile(r"^[a-z][a-z0-9-]{0,29}$")


@dataclass(frozen=True)
class Host:
    """One host of a lab."""

    lab: str
    name: str
    address: str
    number: int
    release: str = RELEASE

    @property
    def machine(self) -> str:
        """The name of the machine and of its network namespace. A lab's name has no dot."""
        return f"kprov.{self.lab}.{self.name}"

    @property
    def veth(self) -> str:
        """The bridge's end of the host's veth pair."""
        return f"{veth_prefix(self.lab)}{self.number}"

    @property
    def folder(self) -> Path:
        return STATE / self.lab / self.name


@dataclass(frozen=True)
class Lab:
    """A lab as requested. The hosts have its Debian releases in turn.

    Hosts of an isolated lab reach only each other.
    """

    name: str = DEFAULT_NAME
    subnet: str = DEFAULT_SUBNET
    host_count: int = DEFAULT_HOSTS
    releases: tuple[str, ...] = (RELEASE,)
    isolated: bool = False

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise InputError("must be lower case letters, digits and dashes, at most 30", field="lab name")
        try:
            network = ipaddress.IPv4Network(self.subnet)
        except ValueError as error:
            raise InputError(str(error), field="subnet") from error
        free_addresses = network.num_addresses - 1 - FIRST_HOST
        if not 1 <= self.host_count <= free_addresses:
            raise InputError(
                f"{self.host_count} hosts do not fit {self.subnet} (1 to {free_addresses})", field="hosts"
            )
        self._check_releases()

    def _check_releases(self) -> None:
        for release in self.releases:
            if release not in RELEASES:
                raise InputError(
                    f"{release!r} is not a release of Debian for hosts: use {', '.join(RELEASES)}",
                    field="release",
                )
        if not 1 <= len(self.releases) <= self.host_count:
            raise InputError(
                f"{len(self.releases)} releases for {self.host_count} hosts: name at most one for each",
                field="release",
            )

    @property
    def network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.subnet)

    @property
    def gateway(self) -> str:
        return str(self.network[1])

    @property
    def vip(self) -> str:
        """An unused address of the subnet for the API; empty if the subnet is too small."""
        if self.network.num_addresses <= VIP_OFFSET + 1 or self.host_count > VIP_OFFSET - FIRST_HOST:
            return ""
        return str(self.network[VIP_OFFSET])

    @property
    def hosts(self) -> list[Host]:
        return [
            Host(
                self.name,
                f"node{number}",
                str(self.network[FIRST_HOST + number - 1]),
                number,
                self.releases[(number - 1) % len(self.releases)],
            )
            for number in range(1, self.host_count + 1)
        ]

    @property
    def folder(self) -> Path:
        return STATE / self.name

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"


def bridge(lab: str) -> str:
    """Return the name of the lab's bridge, shortened to the kernel's limit."""
    name = f"kprov-{lab}"
    return name if len(name) <= INTERFACE_NAME_LIMIT else f"kprov-{_shorten(lab)}"


def veth_prefix(lab: str) -> str:
    return f"kp{_shorten(lab)}-"


def nft_table(lab: str) -> str:
    return f"kprov_lab_{lab.replace('-', '_')}_{_shorten(lab)}"


def _shorten(lab: str) -> str:
    return hashlib.sha256(lab.encode()).hexdigest()[:6]
