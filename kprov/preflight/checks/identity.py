"""Machine IDs, product UUIDs, host names and MAC addresses, which cloned machines share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kprov.preflight.fleet import Fleet, PreflightHost
from kprov.preflight.model import Problem


def _make_check(what: str, read: Callable[[PreflightHost], str]) -> Callable[[Fleet], Iterator[Problem]]:
    def find(fleet: Fleet) -> Iterator[Problem]:
        owners: dict[str, list[str]] = {}
        for host in fleet.hosts:
            value = read(host)
            if value:
                owners.setdefault(value, []).append(host.name)
        for value, names in owners.items():
            for name in names if len(names) > 1 else ():
                others = ", ".join(other for other in names if other != name)
                yield Problem(name, f"{others} has the same {what} {value}")

    return find


find_machine_ids = _make_check("machine ID", lambda host: host.facts.identity.machine_id)
# Containers show the UUID of their machine, which they share.
find_product_uuids = _make_check(
    "product UUID", lambda host: "" if host.facts.system.container else host.facts.identity.product_uuid
)
find_host_names = _make_check("host name", lambda host: host.facts.identity.host_name)
#: Only of the cluster's interface: bridges of the same software may have the same address everywhere.
find_macs = _make_check("MAC address", lambda host: host.facts.identity.macs.get(host.interface, ""))
