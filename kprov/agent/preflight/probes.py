"""Probes between hosts: sockets that listen for a while, connections to them, and packets of many sizes."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
import struct
import time
from typing import Any

#: Sockets that listen until they are closed. They end with the agent, and so with the operator's run.
_listening: list[socket.socket] = []
#: IP_MTU_DISCOVER and IP_PMTUDISC_PROBE of linux/in.h: do not fragment, and ignore cached path MTUs.
_DISCOVER, _PROBE = 10, 3
_HEADERS = 28
#: Seconds for one try to connect.
_ATTEMPT = 2.0


def open_ports(address: str, ports: list[int]) -> dict[str, list[int]]:
    """Listen on the ports that are free; return those that listen now."""
    close_ports()
    opened = []
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            # The kernel completes connections: nothing needs to accept them.
            sock.listen(128)
        except OSError:
            sock.close()
            continue
        _listening.append(sock)
        opened.append(port)
    return {"opened": opened}


def close_ports() -> dict[str, Any]:
    """Stop listening."""
    for sock in _listening:
        sock.close()
    _listening.clear()
    return {}


def connect_all(targets: list[tuple[str, int]], timeout: float) -> dict[str, str]:
    """Connect to all addresses and ports at once; return "open" or what went wrong, by "ADDRESS:PORT".

    Repeat what gets no answer until the timeout: a host that was reinstalled has another MAC address, and
    the kernel sends packets to the old one for up to 9 s.
    """
    outcomes: dict[str, str] = {}
    silent = {(address, port) for address, port in targets}
    until = time.monotonic() + timeout
    while silent and time.monotonic() < until:
        answers = _connect_once(silent, min(until, time.monotonic() + _ATTEMPT))
        outcomes.update(answers)
        silent = {(address, port) for address, port in silent if f"{address}:{port}" not in answers}
    for address, port in silent:
        outcomes[f"{address}:{port}"] = f"no answer within {timeout:g} s"
    return outcomes


def _connect_once(targets: set[tuple[str, int]], until: float) -> dict[str, str]:
    """Connect to all targets; return the outcomes of those that answer in time."""
    outcomes: dict[str, str] = {}
    with selectors.DefaultSelector() as selector:
        for address, port in targets:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            code = sock.connect_ex((address, port))
            if code in (0, errno.EINPROGRESS):
                selector.register(sock, selectors.EVENT_WRITE, f"{address}:{port}")
            else:
                outcomes[f"{address}:{port}"] = os.strerror(code)
                sock.close()
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(max(0.0, until - time.monotonic())):
                outcomes[key.data] = _finish(selector, key.fileobj)
        for key in list(selector.get_map().values()):
            _finish(selector, key.fileobj)
    return outcomes


def _finish(selector: selectors.BaseSelector, sock: Any) -> str:
    selector.unregister(sock)
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    sock.close()
    return "open" if code == 0 else os.strerror(code)


def ping_all(addresses: list[str], sizes: list[int], timeout: float) -> dict[str, list[int]]:
    """Send echo requests of all sizes (bytes of the IP packet) that must not be fragmented to all addresses.

    Return the sizes that came back, by address. Sends small ones last, for a host that limits answers.
    """
    answered: dict[str, set[int]] = {address: set() for address in addresses}
    ident = os.getpid() & 0xFFFF
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.setsockopt(socket.IPPROTO_IP, _DISCOVER, _PROBE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        for address in addresses:
            for size in sorted(sizes, reverse=True):
                # EMSGSIZE: the interface's own MTU is smaller.
                with contextlib.suppress(OSError):
                    sock.sendto(_make_echo(ident, size), (address, 0))
        until = time.monotonic() + timeout
        while any(len(replies) < len(sizes) for replies in answered.values()):
            left = until - time.monotonic()
            if left <= 0 or not select.select([sock], [], [], left)[0]:
                break
            data, (address, _) = sock.recvfrom(1 << 16)
            body = data[(data[0] & 15) * 4 :]
            kind, _, _, of, size = struct.unpack_from("!BBHHH", body)
            if kind == 0 and of == ident and address in answered:
                answered[address].add(size)
    return {address: sorted(replies) for address, replies in answered.items()}


def _make_echo(ident: int, size: int) -> bytes:
    """Make an echo request; its sequence number is the packet's size."""
    body = b"k" * max(0, size - _HEADERS)
    words = struct.pack("!BBHHH", 8, 0, 0, ident, size) + body
    padded = words + b"\0" * (len(words) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHH", 8, 0, ~total & 0xFFFF, ident, size) + body
