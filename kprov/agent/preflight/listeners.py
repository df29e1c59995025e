"""Sockets that listen on ports of the components, and their processes."""

from __future__ import annotations

import os
import re
import socket
import struct
from typing import Any

from kprov.agent.facts.read import read_line, read_lines, read_text

#: Files of /proc/net, with the state of a socket that listens.
_TABLES = {"tcp": ("tcp", "0A"), "tcp6": ("tcp", "0A"), "udp": ("udp", "07"), "udp6": ("udp", "07")}


def read_listeners(ports: list[int]) -> list[dict[str, Any]]:
    """Return the sockets that listen on these ports."""
    sockets: dict[str, dict[str, Any]] = {}
    for file, (protocol, listening) in _TABLES.items():
        for row in read_lines(f"/proc/net/{file}")[1:]:
            words = row.split()
            address, _, port = words[1].partition(":")
            if words[3] == listening and int(port, 16) in ports:
                sockets[words[9]] = {
                    "protocol": protocol,
                    "address": _parse_address(address),
                    "port": int(port, 16),
                }
    owners = _find_owners(set(sockets))
    return [{**entry, **owners.get(inode, {})} for inode, entry in sockets.items()]


def _parse_address(text: str) -> str:
    """Parse an address of /proc/net: words of 32 bits in the machine's order."""
    data = b"".join(struct.pack("=I", int(text[start : start + 8], 16)) for start in range(0, len(text), 8))
    address = socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)
    return address.removeprefix("::ffff:")


def _find_owners(inodes: set[str]) -> dict[str, dict[str, Any]]:
    """Return pid, name and systemd unit of the first process that has each socket open."""
    left, owners = set(inodes), {}
    for pid in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
        if not left:
            break
        for inode in _list_sockets(pid) & left:
            owners[inode] = _describe_process(pid)
            left.discard(inode)
    return owners


def _list_sockets(pid: str) -> set[str]:
    inodes = set()
    try:
        for handle in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{handle}")
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        # The process has ended, or it closed the file.
        pass
    return inodes


def _describe_process(pid: str) -> dict[str, Any]:
    units = re.findall(
        r"([^/\n]+\.(?:service|scope))(?=/|$)", read_text(f"/proc/{pid}/cgroup") or "", re.MULTILINE
    )
    return {"pid": int(pid), "process": read_line(f"/proc/{pid}/comm"), "unit": units[0] if units else ""}
