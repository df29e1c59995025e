"""Reads addresses and routes from the kernel (rtnetlink), without the program ip.

Source: rtnetlink(7) and linux/rtnetlink.h.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Iterator, NamedTuple

_DONE, _ERROR = 3, 2
_NEWROUTE, _GETADDR, _GETROUTE = 24, 22, 26
_REQUEST, _DUMP = 0x1, 0x300
_SECONDARY = 0x01
_TABLE_LOCAL, _TABLE_MAIN, _TYPE_LOCAL = 255, 254, 2
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}


class Address(NamedTuple):
    """An address of an interface; `label` is the name of an IPv4 address (eth0:1)."""

    interface: int
    family: int
    address: str
    prefix: int
    broadcast: str
    scope: str
    label: str
    secondary: bool


class Route(NamedTuple):
    """A route's interface (0: none), source address and gateway."""

    interface: int
    source: str
    gateway: str


def _request(kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.settimeout(5)
        sock.bind((0, 0))
        sock.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, 1, 0) + body)
        while True:
            data = sock.recv(1 << 16)
            while data:
                size, answer_type = struct.unpack_from("=IH", data)
                if answer_type in (_DONE, _ERROR):
                    return
                yield answer_type, data[16:size]
                data = data[(size + 3) & ~3 :]
            if not flags & _DUMP:
                return


def _parse_attributes(data: bytes) -> dict[int, bytes]:
    attributes = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        attributes[kind & 0x3FFF] = data[4:size]
        data = data[(size + 3) & ~3 :]
    return attributes


def _format_address(family: int, data: bytes | None) -> str:
    return socket.inet_ntop(family, data) if data else ""


def read_addresses() -> list[Address]:
    """Return all addresses in the kernel's order."""
    addresses = []
    for _, body in _request(_GETADDR, _DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
        family, prefix, flags, scope, index = struct.unpack_from("=BBBBI", body)
        attributes = _parse_attributes(body[8:])
        local = attributes.get(2) or attributes.get(1)
        label = attributes.get(3, b"").rstrip(b"\0").decode()
        addresses.append(
            Address(
                index,
                family,
                _format_address(family, local),
                prefix,
                _format_address(family, attributes.get(4)),
                _SCOPES.get(scope, str(scope)),
                label,
                family == socket.AF_INET and bool(flags & _SECONDARY),
            )
        )
    return addresses


def find_route(family: int, address: str) -> Route | None:
    """Return the route on which the kernel would send to an address; None without a route."""
    data = socket.inet_pton(family, address)
    head = struct.pack("=BBBBBBBBI", family, len(data) * 8, 0, 0, 0, 0, 0, 0, 0)
    for kind, body in _request(_GETROUTE, 0, head + struct.pack("=HH", 4 + len(data), 1) + data):
        if kind == _NEWROUTE:
            attributes = _parse_attributes(body[12:])
            index = struct.unpack("=I", attributes.get(4, b"\0" * 4))[0]
            return Route(
                index, _format_address(family, attributes.get(7)), _format_address(family, attributes.get(5))
            )
    return None


def read_routes(family: int) -> list[tuple[str, int]]:
    """Destinations of the main table's routes with their interfaces (0: none); no default routes."""
    routes = []
    head = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    for kind, body in _request(_GETROUTE, _DUMP, head):
        of, size, _, _, table, _, _, _ = struct.unpack_from("=BBBBBBBB", body)
        attributes = _parse_attributes(body[12:])
        if kind != _NEWROUTE or of != family or table != _TABLE_MAIN or 1 not in attributes:
            continue
        index = struct.unpack("=I", attributes.get(4, b"\0" * 4))[0]
        routes.append((f"{_format_address(family, attributes[1])}/{size}", index))
    return routes


def read_local_addresses(family: int) -> list[str]:
    """Return the destinations that the kernel delivers locally; networks have their prefix length."""
    addresses: list[Any] = []
    head = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    for kind, body in _request(_GETROUTE, _DUMP, head):
        route_family, length, _, _, table, _, _, route_type = struct.unpack_from("=BBBBBBBB", body)
        attributes = _parse_attributes(body[12:])
        if (
            kind != _NEWROUTE
            or route_family != family
            or table != _TABLE_LOCAL
            or route_type != _TYPE_LOCAL
            or 1 not in attributes
        ):
            continue
        full_length = len(attributes[1]) * 8
        addresses.append(
            _format_address(family, attributes[1]) + ("" if length == full_length else f"/{length}")
        )
    return addresses
