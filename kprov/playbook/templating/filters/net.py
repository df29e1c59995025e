"""ansible.utils.ipaddr and related filters: check and query addresses and networks with netaddr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from kprov.playbook.templating.filters.libraries import netaddr
from kprov.playbook.templating.values import FilterError, is_sequence


@dataclass
class ParsedAddress:
    """An address or network. `text` is the input; `network` is true if it has a prefix."""

    net: Any
    text: Any
    network: bool

    @property
    def ip(self) -> str:
        return str(self.net.ip)

    @property
    def size(self) -> int:
        return int(self.net.size)

    @property
    def is_host_address(self) -> bool:
        """Whether it is an address in a network, not the address of the network."""
        return bool(self.net.ip != self.net.network)

    @property
    def usable_range(self) -> tuple[int, int]:
        """The first and last address of hosts, as numbers."""
        edge = 0 if self.size == 2 else 1
        return int(self.net.first) + edge, int(self.net.last) - edge

    def with_prefix(self, between: str = "/", what: str | None = None) -> str:
        return f"{self.ip}{between}{self.net.prefixlen if what is None else what}"


def _require_network(function: Callable[[ParsedAddress], Any]) -> Callable[[ParsedAddress], Any]:
    def query(address: ParsedAddress) -> Any:
        if not address.network:
            raise FilterError("Not a network address")
        return function(address) if address.size > 1 else None

    return query


def _address(address: ParsedAddress) -> Any:
    net = address.net
    if address.size == 1 or address.is_host_address or not net.broadcast or net.version == 6:
        return address.ip
    return None


def _host(address: ParsedAddress) -> Any:
    if address.size == 1:
        return str(address.net)
    return address.with_prefix() if address.is_host_address or not address.net.broadcast else None


def _address_prefix(address: ParsedAddress) -> Any:
    edges = (address.net.network, address.net.broadcast)
    return False if address.size > 2 and address.net.ip in edges else address.with_prefix()


def _format_host_in_network(between: str, attribute: str) -> Callable[[ParsedAddress], Any]:
    def query(address: ParsedAddress) -> Any:
        if address.size == 2 or (address.size > 1 and address.is_host_address):
            return address.with_prefix(between, str(getattr(address.net, attribute)))
        return None

    return query


def _neighbour_address(step: int) -> Callable[[ParsedAddress], Any]:
    def query(address: ParsedAddress) -> Any:
        first, last = address.usable_range
        number = int(address.net.ip) + step
        return str(netaddr.IPAddress(number, address.net.version)) if first <= number <= last else None

    return _require_network(query)


def _peer(address: ParsedAddress) -> Any:
    if not address.network:
        raise FilterError("Not a network address")
    number = int(address.net.ip)
    if address.size == 2:
        return str(netaddr.IPAddress(number ^ 1, address.net.version))
    if address.size != 4:
        raise FilterError("Not a point-to-point network")
    if number % 4 in (0, 3):
        raise FilterError(f"{'Network' if number % 4 == 0 else 'Broadcast'} address of /30 has no peer")
    return str(netaddr.IPAddress(number ^ 3, address.net.version))


def _format_address(number: int, address: ParsedAddress) -> str:
    return str(netaddr.IPAddress(number, address.net.version))


def _six_to_four(address: ParsedAddress) -> Any:
    if address.net.version == 6:
        source = address.text if not address.network else address.ip if address.is_host_address else ""
        return address.text if source and ipaddr(source, "2002::/16") else False
    if address.size > 1 and not address.is_host_address:
        return False
    return "2002:{:02x}{:02x}:{:02x}{:02x}::1/48".format(*map(int, address.ip.split(".")))


def _keep_if(test: Callable[[Any], bool]) -> Callable[[ParsedAddress], Any]:
    return lambda address: address.text if test(address.net) else None


def _is_public(net: Any) -> bool:
    ip = net.ip
    return bool(
        ip.is_unicast()
        and ip.is_global()
        and not ip.is_loopback()
        and not ip.is_netmask()
        and not ip.is_hostmask()
    )


def _is_link_local(net: Any) -> bool:
    return net.ip in netaddr.IPNetwork("169.254.0.0/16" if net.version == 4 else "fe80::/10")


def _to_v4(address: ParsedAddress) -> Any:
    if address.net.version == 4:
        return address.text
    try:
        return str(address.net.ipv4())
    except netaddr.AddrConversionError:
        return False


def _wrap(address: ParsedAddress) -> Any:
    if address.net.version == 4:
        return address.text
    return f"[{address.ip}]/{address.net.prefixlen}" if address.network else f"[{address.ip}]"


QUERIES: dict[str, Callable[[ParsedAddress], Any]] = {
    "": lambda a: str(a.net) if a.network else a.ip,
    "6to4": _six_to_four,
    "address": _address,
    "ip": _address,
    "address/prefix": _address_prefix,
    "gateway": _address_prefix,
    "gw": _address_prefix,
    "router": _address_prefix,
    "host/prefix": _address_prefix,
    "hostnet": _address_prefix,
    "bool": lambda _a: True,
    "broadcast": lambda a: str(a.net.broadcast) if a.size > 2 else None,
    "cidr": lambda a: str(a.net),
    "first_usable": _require_network(lambda a: _format_address(a.usable_range[0], a)),
    "last_usable": _require_network(lambda a: _format_address(a.usable_range[1], a)),
    "range_usable": _require_network(
        lambda a: f"{_format_address(a.usable_range[0], a)}-{_format_address(a.usable_range[1], a)}"
    ),
    "next_usable": _neighbour_address(1),
    "previous_usable": _neighbour_address(-1),
    "peer": _peer,
    "host": _host,
    "hostmask": lambda a: str(a.net.hostmask),
    "wildcard": lambda a: str(a.net.hostmask),
    "int": lambda a: f"{int(a.net.ip)}/{a.net.prefixlen}" if a.network else int(a.net.ip),
    "ip/prefix": _format_host_in_network("/", "prefixlen"),
    "ip_netmask": _format_host_in_network(" ", "netmask"),
    "ipv4": _to_v4,
    "v4": _to_v4,
    "ipv6": lambda a: str(a.net.ipv6()) if a.net.version == 4 else a.text,
    "v6": lambda a: str(a.net.ipv6()) if a.net.version == 4 else a.text,
    "link-local": _keep_if(_is_link_local),
    "lo": _keep_if(lambda net: bool(net.ip.is_loopback())),
    "loopback": _keep_if(lambda net: bool(net.ip.is_loopback())),
    "multicast": _keep_if(lambda net: bool(net.is_multicast())),
    "unicast": _keep_if(lambda net: bool(net.is_unicast())),
    "private": _keep_if(lambda net: not net.ip.is_global()),
    "public": _keep_if(_is_public),
    "net": lambda a: f"{a.net.network}/{a.net.prefixlen}" if a.size > 1 and not a.is_host_address else None,
    "netmask": lambda a: str(a.net.netmask),
    "network": lambda a: str(a.net.network),
    "network_id": lambda a: str(a.net.network),
    "network/prefix": lambda a: str(a.net.cidr),
    "subnet": lambda a: str(a.net.cidr),
    "network_netmask": lambda a: f"{a.net.network} {a.net.netmask}",
    "network_wildcard": lambda a: f"{a.net.network} {a.net.hostmask}",
    "prefix": lambda a: int(a.net.prefixlen),
    "revdns": lambda a: a.net.ip.reverse_dns,
    "size": lambda a: a.size,
    "size_usable": lambda a: {1: 0, 2: 2}.get(a.size, a.size - 2),
    "type": lambda a: "address" if a.size == 1 or a.is_host_address else "network",
    "version": lambda a: a.net.version,
    "wrap": _wrap,
}


def parse_address(value: Any, version: Literal[0, 4, 6] = 0) -> ParsedAddress | None:
    """Parse an address, network or number; None if it is none of these."""
    text = str(value)
    address, slash, prefix = text.partition("/")
    try:
        if text.isdigit():
            net = netaddr.IPNetwork(
                netaddr.IPAddress(int(text), version or (4 if int(text) < 1 << 32 else 6))
            )
            return ParsedAddress(net, str(net), network=False)
        if slash and address.isdigit() and prefix.isdigit():
            net = netaddr.IPNetwork(f"{netaddr.IPAddress(int(address))}/{prefix}")
            return ParsedAddress(net, str(net), network=True)
        return ParsedAddress(netaddr.IPNetwork(text), value, network=bool(slash))
    except (netaddr.AddrFormatError, ValueError, TypeError):
        return None


def ipaddr(value: Any, query: Any = "", version: Literal[0, 4, 6] = 0, alias: str = "ipaddr") -> Any:
    """Return the result of a query about an address or network; False (or None) if it does not match.

    Queries are in QUERIES; a number selects that address of the network, a network keeps addresses in it.
    """
    if is_sequence(value):
        return [result for item in value if (result := ipaddr(item, query, version, alias))]
    if not value or value is True:
        return False
    result = parse_address(value, version)
    if result is None or (version and result.net.version != version):
        return False
    if str(query) in QUERIES:
        return QUERIES[str(query)](result)
    try:
        index = int(str(query))
    except ValueError:
        within = parse_address(query)
        if within is None:
            raise FilterError(f"{alias}: unknown filter type: {query}") from None
        return result.text if result.net in within.net else None
    if result.size == 1:
        return str(result.net) if result.network else result.ip
    try:
        return f"{result.net[index]}/{result.net.prefixlen}"
    except IndexError:
        return False


def ipwrap(value: Any, query: Any = "") -> Any:
    """Put IPv6 addresses in brackets; return other values unchanged."""
    if is_sequence(value):
        return [ipwrap(item, query) for item in value]
    result = ipaddr(value, query, alias="ipwrap")
    return ipaddr(result, "wrap") if result else value


FILTERS: dict[str, Callable[..., Any]] = {
    "ipaddr": ipaddr,
    "ipv4": lambda value, query="": ipaddr(value, query, 4, "ipv4"),
    "ipv6": lambda value, query="": ipaddr(value, query, 6, "ipv6"),
    "ipwrap": ipwrap,
}
