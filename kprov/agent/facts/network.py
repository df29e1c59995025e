# Paths are used as the texts they arrive as.
# ruff: noqa: PTH110
"""Interfaces, addresses and the default route; through iproute2 when it is there, else the kernel's files."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import struct
from typing import Any

from kprov.agent import process


def gather() -> dict[str, Any]:
    links = _links()
    facts: dict[str, Any] = {
        "interfaces": [link["device"] for link in links],
        "all_ipv4_addresses": [],
        "all_ipv6_addresses": [],
    }
    for link in links:
        facts[link["device"].replace("-", "_").replace(".", "_").replace(":", "_")] = link
        if link["device"] == "lo":
            continue
        for entry in [link["ipv4"]] if "ipv4" in link else []:
            facts["all_ipv4_addresses"].append(entry["address"])
        facts["all_ipv4_addresses"] += [entry["address"] for entry in link.get("ipv4_secondaries", [])]
        facts["all_ipv6_addresses"] += [entry["address"] for entry in link.get("ipv6", [])]
    facts["default_ipv4"] = _default(links)
    facts["default_ipv6"] = {}
    facts["dns"] = _dns()
    return facts


def _links() -> list[dict[str, Any]]:
    try:
        code, out, _ = process.run(["ip", "-json", "address"])
    except OSError:
        code, out = 1, ""
    if code:
        return [_from_kernel(name) for _, name in socket.if_nameindex()]
    found = []
    for entry in json.loads(out or "[]"):
        link: dict[str, Any] = {
            "device": entry["ifname"],
            "mtu": entry.get("mtu"),
            "macaddress": entry.get("address", ""),
            "active": "UP" in entry.get("flags", []),
            "type": "loopback" if "LOOPBACK" in entry.get("flags", []) else "ether",
        }
        for address in entry.get("addr_info", []):
            prefix = address["prefixlen"]
            if address["family"] == "inet":
                network = ipaddress.ip_interface(f"{address['local']}/{prefix}").network
                item = {
                    "address": address["local"],
                    "prefix": str(prefix),
                    "netmask": str(network.netmask),
                    "network": str(network.network_address),
                    "broadcast": address.get("broadcast", ""),
                }
                if "ipv4" in link:
                    link.setdefault("ipv4_secondaries", []).append(item)
                else:
                    link["ipv4"] = item
            else:
                link.setdefault("ipv6", []).append(
                    {"address": address["local"], "prefix": str(prefix), "scope": address.get("scope", "")}
                )
        found.append(link)
    return found


def _from_kernel(name: str) -> dict[str, Any]:
    import fcntl

    link: dict[str, Any] = {"device": name, "type": "loopback" if name == "lo" else "ether"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("256s", name.encode()[:15])
        try:
            address = socket.inet_ntoa(fcntl.ioctl(sock.fileno(), 0x8915, request)[20:24])
            netmask = socket.inet_ntoa(fcntl.ioctl(sock.fileno(), 0x891B, request)[20:24])
        except OSError:
            return link
    network = ipaddress.ip_interface(f"{address}/{netmask}").network
    link["ipv4"] = {
        "address": address,
        "netmask": netmask,
        "prefix": str(network.prefixlen),
        "network": str(network.network_address),
        "broadcast": str(network.broadcast_address),
    }
    try:
        with open(f"/sys/class/net/{name}/address") as file:
            link["macaddress"] = file.read().strip()
        with open(f"/sys/class/net/{name}/mtu") as file:
            link["mtu"] = int(file.read())
    except OSError:
        pass
    return link


def _default(links: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        with open("/proc/net/route") as file:
            rows = [line.split() for line in file.readlines()[1:]]
    except OSError:
        return {}
    for row in rows:
        if row[1] == "00000000" and int(row[3], 16) & 2:
            gateway = socket.inet_ntoa(struct.pack("<L", int(row[2], 16)))
            link = next((link for link in links if link["device"] == row[0]), {})
            return {
                "interface": row[0],
                "gateway": gateway,
                "alias": row[0],
                "type": link.get("type"),
                "macaddress": link.get("macaddress"),
                "mtu": link.get("mtu"),
                **link.get("ipv4", {}),
            }
    return {}


def _dns() -> dict[str, Any]:
    found: dict[str, Any] = {}
    if os.path.exists("/etc/resolv.conf"):
        with open("/etc/resolv.conf") as file:
            for line in file:
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver":
                    found.setdefault("nameservers", []).append(words[1])
                elif len(words) > 1 and words[0] == "search":
                    found["search"] = words[1:]
    return found
