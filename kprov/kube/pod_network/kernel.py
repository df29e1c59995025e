"""The edge to the kernel: the `ip` and `nft` programs, and a netlink socket that says when routes change.

`ip -batch` was taken over a netlink library: it is on every host (the CNI roles need it), one process
a change is rare enough, and nothing has to be imported for it.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import orjson

from kprov.kube.component_helpers.process import ProcessError, run
from kprov.kube.pod_network import routes, ruleset

_RTMGRP_LINK = 1
_RTMGRP_IPV4_ROUTE = 0x40
_RTMGRP_IPV6_ROUTE = 0x400
_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_RTM_DELROUTE = 25
_NLMSG_HEADER = struct.Struct("=IHHII")


async def list_own_routes(family: str) -> frozenset[routes.Route]:
    """Our routes of a family ("-4" or "-6") in the main table."""
    text = await run("ip", family, "-json", "route", "show", "proto", str(routes.PROTOCOL))
    return routes.parse_routes(orjson.loads(text) if text.strip() else [])


async def change_routes(family: str, lines: list[str]) -> None:
    """Carry out batch lines; one that fails does not keep the others from being done."""
    try:
        await run("ip", family, "-force", "-batch", "-", stdin="\n".join(lines) + "\n")
    except ProcessError as error:
        raise ProcessError(_name_failed_routes(str(error), lines)) from error


async def load_ruleset(text: str) -> None:
    await run("nft", "-f", "-", stdin=text)


async def list_table(family: str) -> str:
    """Return the table as the kernel has it; empty when it is not there."""
    try:
        return await run("nft", "list", "table", family, ruleset.TABLE)
    except ProcessError:
        return ""


def check_forwarding(root: Path = Path("/proc/sys")) -> str:
    """Why the kernel would not forward packets, or empty."""
    try:
        value = (root / "net/ipv4/ip_forward").read_text().strip()
    except OSError as error:
        return f"net.ipv4.ip_forward cannot be read: {error.strerror}"
    return "" if value == "1" else "net.ipv4.ip_forward is off: the node forwards no pod's packets"


class RouteMonitor:
    """Calls `on_change` when a route was deleted or an interface changed.

    The kernel does not announce the routes that go with an interface, so interfaces are watched too.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._socket.bind((0, _RTMGRP_LINK | _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV6_ROUTE))

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read_messages)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _read_messages(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: messages were lost, so look at everything
            self._on_change()
            return
        if any(kind in {_RTM_NEWLINK, _RTM_DELLINK, _RTM_DELROUTE} for kind in parse_message_types(data)):
            self._on_change()


def parse_message_types(data: bytes) -> list[int]:
    """Return the types of the netlink messages in a datagram (struct nlmsghdr, linux/netlink.h)."""
    types = []
    offset = 0
    while offset + _NLMSG_HEADER.size <= len(data):
        length, kind, _flags, _seq, _pid = _NLMSG_HEADER.unpack_from(data, offset)
        if length < _NLMSG_HEADER.size:
            break
        types.append(kind)
        offset += (length + 3) & ~3
    return types


def _name_failed_routes(text: str, lines: list[str]) -> str:
    """Return what `ip -batch` said, with the lines it means by their numbers: "Command failed -:2"."""
    failed = [int(number) for number in re.findall(r"Command failed -:(\d+)", text)]
    named = [lines[number - 1] for number in failed if 0 < number <= len(lines)]
    said = re.sub(r"\s*Command failed -:\d+", "", text).replace("\n", "; ")
    return f"{said} ({'; '.join(named)})" if named else said
