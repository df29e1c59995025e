"""All hosts of a cluster with their facts: what every check looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kprov.inventory.cluster.variables import ClusterVariables
from kprov.preflight import components
from kprov.preflight.facts import HostFacts, HostProbes


@dataclass(frozen=True)
class PreflightHost:
    """A host that answered. Its groups and variables are the inventory's.

    python: its version; unsupported: why the roles do not support its distribution, or "";
    not_root: why tasks do not run as root, or ""; other_authority: it has the CA of another cluster.
    clock_offset: seconds that its clock is ahead of the operator's, give or take `clock_error`.
    """

    name: str
    address: str
    groups: frozenset[str]
    variables: ClusterVariables
    facts: HostFacts
    python: str = ""
    unsupported: str = ""
    not_root: str = ""
    other_authority: bool = False
    clock_offset: float = 0.0
    clock_error: float = 0.0
    probes: HostProbes | None = None
    #: Why requests to the host failed, by their names.
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """Whether kprov has installed all components of the host's groups."""
        return set(components.expected_components(self.groups)) <= set(self.facts.software.own)

    @property
    def interface(self) -> str:
        """The interface with the host's address in the cluster; "" if none has it."""
        return next(
            (
                address.interface
                for address in self.facts.network.addresses
                if address.address == self.address
            ),
            "",
        )


@dataclass(frozen=True)
class Fleet:
    """The hosts. `unreachable` are reasons by host.

    authority_start: since when the inventory's CA is valid, now: the operator's time, in seconds since 1970.
    """

    hosts: tuple[PreflightHost, ...]
    unreachable: Mapping[str, str] = field(default_factory=dict)
    authority_start: float | None = None
    now: float = 0.0
