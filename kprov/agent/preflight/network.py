"""Addresses, routes, MTUs and name servers of the host, and connections to its package repositories."""

from __future__ import annotations

import glob
import os
import re
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from kprov.agent import process
from kprov.agent.facts import netlink
from kprov.agent.facts.read import read_line, read_lines
from kprov.agent.preflight import probes

#: Seconds to wait for a name.
_RESOLVE = 4.0
_PORTS = {"http": 80, "https": 443, "ftp": 21}
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s*)?(\S+)", re.MULTILINE)
_DEB822 = re.compile(r"^URIs:(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
_PROXY = re.compile(r'^Acquire::(?:http|https)::Proxy "(\S+)";', re.MULTILINE | re.IGNORECASE)


def read_network() -> dict[str, Any]:
    """Return addresses, routes, MTUs and resolv.conf."""
    names = dict(socket.if_nameindex())
    return {
        "addresses": [
            {"interface": names.get(address.interface, ""), "address": address.address}
            for address in netlink.read_addresses()
            if address.family == socket.AF_INET
        ],
        "routes": [
            {"destination": destination, "interface": names.get(interface, "")}
            for destination, interface in netlink.read_routes(socket.AF_INET)
        ],
        "mtus": {name: int(read_line(f"/sys/class/net/{name}/mtu") or 0) for name in names.values()},
        "resolv_conf": _read_resolv_conf("/etc/resolv.conf"),
        "resolved": _read_resolv_conf("/run/systemd/resolve/resolv.conf"),
    }


def _read_resolv_conf(path: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {"nameservers": [], "search": []}
    for row in read_lines(path):
        words = row.split()
        if words[:1] == ["nameserver"]:
            settings["nameservers"] += words[1:2]
        elif words[:1] in (["search"], ["domain"]):
            # The last of these lines counts.
            settings["search"] = words[1:]
    return settings


def try_repositories(root: str = "/etc/apt") -> dict[str, Any]:
    """Resolve the hosts of apt's repositories and connect to them; through a proxy only to the proxy.

    Return whether the host has apt, and the outcome by host: "open", or what went wrong.
    """
    sites = _find_sites(root)
    proxy = _find_proxy()
    if proxy and sites:
        sites = {proxy}
    addresses = {host: _resolve(host) for host, _ in sites}
    targets = [(addresses[host], port) for host, port in sites if not addresses[host].startswith("!")]
    connected = probes.connect_all(targets, timeout=_RESOLVE)
    outcomes = {}
    for host, port in sorted(sites):
        address = addresses[host]
        if address.startswith("!"):
            outcomes[host] = {"port": port, "resolved": False, "outcome": address[1:]}
        else:
            outcomes[host] = {"port": port, "resolved": True, "outcome": connected[f"{address}:{port}"]}
    return {"apt": os.path.isdir(root), "sites": outcomes, "proxy": proxy[0] if proxy else ""}


def _find_sites(root: str) -> set[tuple[str, int]]:
    uris: list[str] = []
    for path in [f"{root}/sources.list", *sorted(glob.glob(f"{root}/sources.list.d/*.list"))]:
        uris += _ONE_LINE.findall(_read(path))
    for path in sorted(glob.glob(f"{root}/sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", _read(path)):
            if not re.search(r"^Enabled:\s*no", stanza, re.MULTILINE | re.IGNORECASE):
                uris += " ".join(_DEB822.findall(stanza)).split()
    sites = set()
    for uri in uris:
        parts = urlsplit(uri)
        if parts.scheme in _PORTS and parts.hostname:
            sites.add((parts.hostname, parts.port or _PORTS[parts.scheme]))
    return sites


def _read(path: str) -> str:
    return "\n".join(read_lines(path)) if os.path.exists(path) else ""


def _find_proxy() -> tuple[str, int] | None:
    try:
        _, out, _ = process.run_program(["apt-config", "dump"])
    except OSError:
        return None
    for uri in _PROXY.findall(out):
        parts = urlsplit(uri)
        if parts.hostname:
            return parts.hostname, parts.port or _PORTS.get(parts.scheme, 80)
    return None


def _resolve(host: str) -> str:
    """Return an IPv4 address of a host, or "!" and the reason why there is none."""
    answer: list[str] = []

    def ask() -> None:
        try:
            answer.append(str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]))
        except OSError as error:
            answer.append(f"!{error.strerror or error}")

    # The resolver's own timeouts are longer, and nothing can end it.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_RESOLVE)
    return answer[0] if answer else f"!no answer within {_RESOLVE:g} s"
