"""Filters of ansible.utils: subnets, the nth host, ranges, merged CIDRs, hardware addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.filters.libraries import netaddr
from kprov.playbook.templating.filters.net import ParsedAddress, parse_address
from kprov.playbook.templating.values import FilterError, is_sequence


def _parse_network(value: Any) -> Any:
    """Return the network of a value (for an address the /32), or None."""
    address = parse_address(value) if value and value is not True else None
    if address is None:
        return None
    return (
        address.net.cidr
        if address.size > 1 and not address.is_host_address
        else netaddr.IPNetwork(str(address.net))
    )


def _parse_address(value: Any) -> Any:
    try:
        return netaddr.IPNetwork(value).ip if "/" in value else netaddr.IPAddress(value)
    except (netaddr.AddrFormatError, ValueError, TypeError):
        raise FilterError(f"You must pass a valid IP address; {value} is invalid") from None


def ipsubnet(value: Any, query: Any = "", index: Any = None) -> Any:
    """Return the number of subnets of a size, one of them, or the rank of a network in another."""
    network = _parse_network(value)
    if network is None:
        return False
    net, query = network.cidr, str(query)
    if not query:
        return str(net)
    bits = 128 if net.version == 6 else 32
    if not query.isdigit():
        return _rank(net, query, bits)
    size = int(query)
    if size > bits:
        return False
    if net.prefixlen == bits:
        above = net.supernet(size)
        number = 0 if index is None else int(index)
        return str(above[number]) if -len(above) <= number < len(above) else False
    if index is None:
        if size < net.prefixlen:
            raise FilterError(f"Requested subnet size of {size} is invalid")
        return str(2 ** (size - net.prefixlen))
    number, count = int(index), 2 ** (size - net.prefixlen)
    number += count if number < 0 else 0
    if not 0 <= number < count:
        return False
    return f"{netaddr.IPAddress(net.first + (number << bits - size), net.version)}/{size}"


def _rank(net: Any, query: str, bits: int) -> str:
    outer = _parse_network(query)
    if outer is None:
        raise FilterError(f"You must pass a valid subnet or IP address; {query} is invalid")
    if net not in outer:
        raise FilterError(f"{net} is not in the subnet {outer.cidr}")
    return str(((net.first - outer.cidr.first) >> (bits - net.prefixlen)) + 1)


def ipmath(value: Any, amount: Any) -> str:
    address = _parse_address(value)
    if isinstance(amount, str) and amount.lstrip("-").isdigit():
        amount = int(amount)
    if not isinstance(amount, int):
        raise FilterError(f"You must pass an integer for arithmetic; {amount} is not a valid integer")
    return str(address + amount)


def nthhost(value: Any, query: Any = "") -> Any:
    """Return the nth address of a network, or False."""
    net = _parse_network(value)
    try:
        number = int(query)
    except (TypeError, ValueError):
        return False
    if net is None or not query or net.size <= number:
        return False
    return str(net[number])


def _step(sign: int) -> Callable[[Any, Any], Any]:
    def usable(value: Any, offset: Any) -> Any:
        address: ParsedAddress | None = parse_address(value)
        if address is None:
            return False
        first, last = address.usable_range
        number = int(address.net.ip) + sign * int(offset)
        if address.size > 1 and first <= number <= last:
            return str(netaddr.IPAddress(number, address.net.version))
        return None

    return usable


def cidr_merge(value: Any, action: str = "merge") -> Any:
    """Return the fewest networks that cover a list, or with `span` the one that spans it."""
    if not is_sequence(value):
        raise FilterError(f"cidr_merge: expected iterable, got {value!r}")
    try:
        if action == "merge":
            return [str(net) for net in netaddr.cidr_merge(list(value))]
        if action == "span":
            nets = [netaddr.IPNetwork(item) for item in value]
            return None if not nets else str(nets[0] if len(nets) == 1 else netaddr.spanning_cidr(nets))
    except (netaddr.AddrFormatError, ValueError) as error:
        raise FilterError(f"cidr_merge: error in netaddr: {error}") from None
    raise FilterError(f"cidr_merge: invalid action '{action}'; use merge or span")


def network_in_network(value: Any, test: Any) -> bool:
    outer, inner = _outer(value), _outer(test)
    return bool(outer is not None and inner is not None and inner in outer)


def _outer(value: Any) -> Any:
    address = parse_address(value) if value else None
    return None if address is None else address.net.cidr


def network_in_usable(value: Any, test: Any) -> bool:
    outer, inner = parse_address(value), _outer(test)
    if outer is None or inner is None:
        return False
    first, last = outer.usable_range if outer.size > 1 else (int(outer.net.first), int(outer.net.last))
    return bool(first <= inner.first and inner.last <= last)


def usable_range(ip: str) -> dict[str, Any]:
    try:
        net = ipaddress.ip_network(ip)
    except ValueError as error:
        raise FilterError(f"Error while using plugin 'usable_range': {error}") from None
    return {"usable_ips": [str(address) for address in net], "number_of_ips": net.num_addresses}


def ip4_hex(value: str, delimiter: str = "") -> str:
    return delimiter.join(f"{part:02x}" for part in _parse_address(value).words)


def ipv6form(value: str, format: str) -> str:
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        raise FilterError(f"You must pass a valid IP address; {value} is invalid") from None
    if format == "x509":
        return ":".join(f"{int(part, 16):x}" for part in address.exploded.split(":"))
    forms = {"expand": address.exploded, "compress": address.compressed}
    if format not in forms:
        raise FilterError(f"You must pass valid format; {format} is not a valid format")
    return forms[format]


def ipcut(value: str, amount: int) -> str:
    """Return the first (or, if negative, last) bits of an address, in its notation."""
    address = _parse_address(value)
    bits = f"{int(address):0{128 if address.version == 6 else 32}b}"
    cut = bits[amount:] if amount < 0 else bits[:amount]
    width, form, mark = (16, "x", ":") if address.version == 6 else (8, "d", ".")
    return mark.join(format(int(cut[start : start + width], 2), form) for start in range(0, len(cut), width))


_DIALECTS = {
    "bare": "mac_bare",
    "cisco": "mac_cisco",
    "eui48": "mac_eui48",
    "win": "mac_eui48",
    "linux": "mac_unix",
    "pgsql": "mac_pgsql",
    "postgresql": "mac_pgsql",
    "psql": "mac_pgsql",
    "unix": "mac_unix",
}


def hwaddr(value: Any, query: str = "", alias: str = "hwaddr") -> Any:
    """Convert a hardware address: bool, int, or a notation (linux, unix, cisco ...)."""
    try:
        mac = netaddr.EUI(value)
    except (netaddr.AddrFormatError, ValueError, TypeError, NotImplementedError):
        if query and query != "bool":
            raise FilterError(f"{alias}: not a hardware address: {value}") from None
        return None
    if query in ("", "bool", "int"):
        return {"": value, "bool": True, "int": int(mac)}[query]
    if query not in _DIALECTS:
        raise FilterError(f"{alias}: unknown filter type: {query}")
    if query == "linux":
        return ":".join(f"{word:02x}" for word in mac.words)
    mac.dialect = getattr(netaddr, _DIALECTS[query])
    return str(mac)


def slaac(value: Any, query: Any = "") -> Any:
    net = _outer(value)
    if net is None or net.version != 6 or not query:
        return False
    return str(netaddr.EUI(hwaddr(query, "linux", "slaac")).ipv6(int(net.network)))


FILTERS: dict[str, Callable[..., Any]] = {
    "ipsubnet": ipsubnet,
    "ipmath": ipmath,
    "nthhost": nthhost,
    "next_nth_usable": _step(1),
    "previous_nth_usable": _step(-1),
    "cidr_merge": cidr_merge,
    "network_in_network": network_in_network,
    "network_in_usable": network_in_usable,
    "reduce_on_network": lambda value, network: [
        address for address in value if network_in_network(network, address)
    ],
    "usable_range": usable_range,
    "ip4_hex": ip4_hex,
    "ipv6form": ipv6form,
    "ipcut": ipcut,
    "hwaddr": hwaddr,
    "macaddr": lambda value, query="": hwaddr(value, query, "macaddr"),
    "slaac": slaac,
}
