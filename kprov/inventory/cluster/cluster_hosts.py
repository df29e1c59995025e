"""Checks each host of a cluster's inventory: its name, addresses and login user."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kprov.errors import InputError
from kprov.inventory.cluster import labels
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.inventory.model import Inventory

#: Returns a host's rendered variable; None if it is not set or not known.
Value = Callable[[str, str], Any]
Place = tuple[str | None, int | None]
_FALSE = (False, 0, "false", "no", "off", "n", "f", "0")
#: Prefix length of the largest network that hosts can share.
_LARGEST = 8


def find_problems(
    inventory: Inventory,
    hosts: Mapping[str, ClusterVariables],
    value: Value,
    place: Callable[[Inventory, str], Place],
) -> Iterator[InputError]:
    """Return all problems of the hosts; `place` returns where a variable is set."""
    yield from _check_names(inventory, hosts, place)
    for host, variables in hosts.items():
        yield from _check_address_family(inventory, host, variables, value)
        yield from _check_privileges(inventory, host, value, place)
    yield from _check_vip(inventory, hosts, value, place)


def _host_place(inventory: Inventory, host: str) -> Place:
    """Return the first place where the host is named."""
    places = inventory.hosts[host].places
    return places[0] if places else (str(inventory.path), None)


def _check_names(
    inventory: Inventory, hosts: Mapping[str, ClusterVariables], place: Callable[[Inventory, str], Place]
) -> Iterator[InputError]:
    seen: dict[str, str] = {}
    for host, variables in hosts.items():
        name = variables.kube_override_hostname or host
        field = "kube_override_hostname" if variables.kube_override_hostname else host
        file, line = place(inventory, field) if field != host else _host_place(inventory, host)
        text = labels.find_name_problem(name)
        if text is not None:
            hint = "" if field != host else "; rename the host, or set kube_override_hostname for it"
            yield InputError(text + hint, file=file, line=line, field=field)
        other = seen.setdefault(name, host)
        if other != host:
            text = f"{other} and {host} would both be the node {name}"
            yield InputError(text, file=file, line=line, field=field)


def _check_address_family(
    inventory: Inventory, host: str, variables: ClusterVariables, value: Value
) -> Iterator[InputError]:
    """Check the address of hosts without `ip`, which is their SSH address."""
    if variables.ip is not None or value(host, "ip") is not None:
        return
    host_address = value(host, "ansible_host")
    address = str(host if host_address is None else host_address)
    try:
        family = ipaddress.ip_address(address).version
    except ValueError:
        return
    if family != 4:
        file, line = _host_place(inventory, host)
        text = (
            f"{host} has the IPv6 address {address}; set the variable ip to its IPv4 address for the cluster"
        )
        yield InputError(text, file=file, line=line, field="ansible_host")


def _check_privileges(
    inventory: Inventory, host: str, value: Value, place: Callable[[Inventory, str], Place]
) -> Iterator[InputError]:
    """Check that tasks run as root, because the roles install packages and units."""
    become = value(host, "ansible_become")
    user = next(
        (login_name for name in ("ansible_user", "ansible_ssh_user") if (login_name := value(host, name))),
        None,
    )
    if become is None or str(become).lower() not in map(str, _FALSE) or user in (None, "root"):
        return
    if str(value(host, "ansible_connection")) == "local":
        return
    file, line = place(inventory, "ansible_become")
    text = f"{host}: {user} is not root, and a cluster is set up as root: set ansible_become to true"
    yield InputError(text, file=file, line=line, field="ansible_become")


def _check_vip(
    inventory: Inventory,
    hosts: Mapping[str, ClusterVariables],
    value: Value,
    place: Callable[[Inventory, str], Place],
) -> Iterator[InputError]:
    """Check kube_vip_address without the hosts; their networks are compared after connecting."""
    movers = inventory.members("kube_control_plane")
    for host, variables in hosts.items():
        vip = variables.kube_vip_address
        if vip == "":
            continue
        address = variables.ip or _parse_ipv4(value(host, "ansible_host")) or _parse_ipv4(host)
        text = None
        if vip.is_multicast or vip.is_loopback or vip.is_unspecified or vip.is_link_local or vip.is_reserved:
            text = f"{vip} is not a usable address for the API server"
        elif address == vip:
            text = f"{vip} is the address of host {host}"
        elif address is not None and host in movers and _are_far_apart(address, vip):
            text = f"{vip} is not on the network of {host} ({address}), where keepalived would have to add it"
        if text is not None:
            file, line = place(inventory, "kube_vip_address")
            yield InputError(text, file=file, line=line, field="kube_vip_address")
            return


def _are_far_apart(address: ipaddress.IPv4Address, other: ipaddress.IPv4Address) -> bool:
    """Whether two addresses cannot be in one network."""
    return int(address) >> (32 - _LARGEST) != int(other) >> (32 - _LARGEST)


def _parse_ipv4(text: Any) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(str(text))
    except ValueError:
        return None
