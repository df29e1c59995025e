"""Addresses and routes from the kernel (rtnetlink), without the program ip.

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
_TABLE_LOCAL, _TYPE_LOCAL = 255, 2
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}


class Address(NamedTuple):
    """One address of an interface; `label` is IPv4's name for it (eth0:1)."""

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
                size, answer = struct.unpack_from("=IH", data)
                if answer in (_DONE, _ERROR):
                    return
                yield answer, data[16:size]
                data = data[(size + 3) & ~3 :]
            if not flags & _DUMP:
                return


def _parse_attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        found[kind & 0x3FFF] = data[4:size]
        data = data[(size + 3) & ~3 :]
    return found


def _format_address(family: int, data: bytes | None) -> str:
    return socket.inet_ntop(family, data) if data else ""


def read_addresses() -> list[Address]:
    """All addresses in the kernel's order."""
    found = []
    for _, body in _request(_GETADDR, _DUMP, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
        family, prefix, flags, scope, index = struct.unpack_from("=BBBBI", body)
        known = _parse_attributes(body[8:])
        local = known.get(2) or known.get(1)
        label = known.get(3, b"").rstrip(b"\0").decode()
        found.append(
            Address(
                index,
                family,
                _format_address(family, local),
                prefix,
                _format_address(family, known.get(4)),
                _SCOPES.get(scope, str(scope)),
                label,
                family == socket.AF_INET and bool(flags & _SECONDARY),
            )
        )
    return found


def find_route(family: int, address: str) -> Route | None:
    """How the kernel would send to an address; None when it would not."""
    data = socket.inet_pton(family, address)
    head = struct.pack("=BBBBBBBBI", family, len(data) * 8, 0, 0, 0, 0, 0, 0, 0)
    for kind, body in _request(_GETROUTE, 0, head + struct.pack("=HH", 4 + len(data), 1) + data):
        if kind == _NEWROUTE:
            known = _parse_attributes(body[12:])
            index = struct.unpack("=I", known.get(4, b"\0" * 4))[0]
            return Route(index, _format_address(family, known.get(7)), _format_address(family, known.get(5)))
    return None


def read_local_addresses(family: int) -> list[str]:
    """Destinations that the host takes for itself, networks with their prefix."""
    found: list[Any] = []
    head = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    for kind, body in _request(_GETROUTE, _DUMP, head):
        of, size, _, _, table, _, _, sort = struct.unpack_from("=BBBBBBBB", body)
        known = _parse_attributes(body[12:])
        if (
            kind != _NEWROUTE
            or of != family
            or table != _TABLE_LOCAL
            or sort != _TYPE_LOCAL
            or 1 not in known
        ):
            continue
        whole = len(known[1]) * 8
        found.append(_format_address(family, known[1]) + ("" if size == whole else f"/{size}"))
    return found
