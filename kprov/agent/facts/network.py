"""Interfaces, addresses, default routes, name servers, storage networks."""

from __future__ import annotations

import glob
import ipaddress
import os
import re
import shutil
import socket
from typing import Any

from kprov.agent import process
from kprov.agent.facts import netlink
from kprov.agent.facts.read import read_line, read_lines, read_text

FACTS = (
    *("interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"),
    "locally_reachable_ips",
)
#: ARPHRD_* of linux/if_arp.h, by Ansible's names.
_TYPES = {"1": "ether", "32": "infiniband", "512": "ppp", "772": "loopback", "65534": "tunnel"}
#: Where a packet to the world would go: addresses of a public resolver, which nothing is sent to.
_WORLD = {socket.AF_INET: "8.8.8.8", socket.AF_INET6: "2404:6800:400a:800::1012"}


def read_network() -> dict[str, Any]:
    links = {
        os.path.basename(path): _read_link(path)
        for path in glob.glob("/sys/class/net/*")
        if os.path.isdir(path)
    }
    names = dict(socket.if_nameindex())
    facts: dict[str, Any] = {"all_ipv4_addresses": [], "all_ipv6_addresses": []}
    defaults = {family: _read_default(family, names) for family in _WORLD}
    for one in netlink.read_addresses():
        link = links.get(names.get(one.interface, ""))
        if link is None:
            continue
        entry = _address_entry(one)
        default = defaults[socket.AddressFamily(one.family)]
        if one.family == socket.AF_INET:
            _add_ipv4(links, link, one, entry)
            if not one.address.startswith("127."):
                facts["all_ipv4_addresses"].append(one.address)
        else:
            link.setdefault("ipv6", []).append(entry)
            if one.address != "::1":
                facts["all_ipv6_addresses"].append(one.address)
        if default.get("address") == one.address:
            default.update(
                {name: value for name, value in entry.items() if name != "address"},
                macaddress=link.get("macaddress", "00:00:00:00:00:00"),
                mtu=link.get("mtu"),
                type=link.get("type", "unknown"),
            )
            if one.family == socket.AF_INET:
                default["alias"] = one.label or link["device"]
    facts.update(
        default_ipv4=defaults[socket.AF_INET],
        default_ipv6=defaults[socket.AF_INET6],
        interfaces=[name.replace(":", "_") for name in links],
        locally_reachable_ips={
            "ipv4": netlink.read_local_addresses(socket.AF_INET),
            "ipv6": netlink.read_local_addresses(socket.AF_INET6),
        },
    )
    for name, link in links.items():
        facts[re.sub(r"[-.:]", "_", name)] = link
    return facts


def _address_entry(one: netlink.Address) -> dict[str, str]:
    if one.family != socket.AF_INET:
        return {"address": one.address, "prefix": str(one.prefix), "scope": one.scope}
    network = ipaddress.ip_network(f"{one.address}/{one.prefix}", strict=False)
    return {
        "address": one.address,
        "broadcast": one.broadcast,
        "netmask": str(network.netmask),
        "network": str(network.network_address),
        "prefix": str(one.prefix),
    }


def _add_ipv4(
    links: dict[str, Any], link: dict[str, Any], one: netlink.Address, entry: dict[str, str]
) -> None:
    """An address belongs to its label, a second one to the interface as well."""
    label = one.label or link["device"]
    owner = links.setdefault(label, {}) if label != link["device"] else link
    if not one.secondary and "ipv4" not in owner:
        owner["ipv4"] = entry
    else:
        owner.setdefault("ipv4_secondaries", []).append(entry)
        if owner is not link:
            link.setdefault("ipv4_secondaries", []).append(entry)


def _read_default(family: socket.AddressFamily, names: dict[int, str]) -> dict[str, Any]:
    try:
        found = netlink.find_route(family, _WORLD[family])
    except OSError:
        return {}
    if found is None or found.interface not in names:
        return {}
    known = {"interface": names[found.interface], "address": found.source, "gateway": found.gateway}
    return {name: value for name, value in known.items() if value}


def _read_link(path: str) -> dict[str, Any]:
    device = os.path.basename(path)
    link: dict[str, Any] = {"device": device}
    mac = read_line(f"{path}/address")
    if mac and mac != "00:00:00:00:00:00":
        link["macaddress"] = mac
    link["mtu"] = int(read_line(f"{path}/mtu") or 0)
    link["active"] = read_line(f"{path}/operstate") != "down"
    driver = f"{path}/device/driver/module"
    if os.path.exists(driver):
        link["module"] = os.path.basename(os.path.realpath(driver))
    link["type"] = _TYPES.get(read_line(f"{path}/type"), "unknown")
    if os.path.exists(f"{path}/bridge"):
        link.update(_read_bridge(path))
    if os.path.exists(f"{path}/bonding"):
        link.update(_read_bond(f"{path}/bonding"))
    if os.path.exists(f"{path}/bonding_slave"):
        link["perm_macaddress"] = read_line(f"{path}/bonding_slave/perm_hwaddr")
    if os.path.exists(f"{path}/device"):
        link["pciid"] = os.path.basename(os.readlink(f"{path}/device"))
    speed = read_text(f"{path}/speed")
    if speed is not None:
        link["speed"] = int(speed)
    link["promisc"] = bool(int(read_line(f"{path}/flags") or "0", 16) & 0x100)
    return {**link, **_read_features(device)}


def _read_bridge(path: str) -> dict[str, Any]:
    return {
        "type": "bridge",
        "interfaces": [os.path.basename(port) for port in glob.glob(f"{path}/brif/*")],
        "id": read_line(f"{path}/bridge/bridge_id"),
        "stp": read_line(f"{path}/bridge/stp_state") == "1",
    }


def _read_bond(path: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "bonding", "slaves": read_line(f"{path}/slaves").split()}
    for name in ("mode", "miimon", "lacp_rate"):
        found[name] = (read_line(f"{path}/{name}").split() or [""])[0]
    primary = read_line(f"{path}/primary")
    if primary:
        found["primary"] = primary
        found["all_slaves_active"] = read_line(f"{path}/all_slaves_active") == "1"
    return found


def _read_features(device: str) -> dict[str, Any]:
    """Features of the card, where ethtool is there to tell them."""
    if not shutil.which("ethtool"):
        return {}
    found: dict[str, Any] = {}
    code, out, _ = process.run_program(["ethtool", "-k", device])
    if code == 0:
        pairs = [row.split(": ", 1) for row in out.strip().splitlines() if ": " in row]
        found["features"] = {name.strip().replace("-", "_"): value.strip() for name, value in pairs}
    code, out, _ = process.run_program(["ethtool", "-T", device])
    if code == 0:
        found["timestamping"] = [name.lower() for name in re.findall(r"SOF_TIMESTAMPING_(\w+)", out)]
        found["hw_timestamp_filters"] = [name.lower() for name in re.findall(r"HWTSTAMP_FILTER_(\w+)", out)]
        clock = re.search(r"PTP Hardware Clock: (\d+)", out)
        if clock:
            found["phc_index"] = int(clock[1])
    return found


def read_dns() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in read_lines("/etc/resolv.conf"):
        words = row.split()
        if len(words) < 2 or words[0][0] in "#;":
            continue
        if words[0] == "nameserver":
            found.setdefault("nameservers", []).extend(words[1:])
        elif words[0] == "domain":
            found["domain"] = words[1]
        elif words[0] in ("search", "sortlist"):
            found[words[0]] = words[1:]
        elif words[0] == "options":
            pairs = (word.partition(":") for word in words[1:])
            found["options"] = {name: value if colon else True for name, colon, value in pairs}
    return {"dns": found}


def read_fibre_channel() -> dict[str, Any]:
    ports = sorted(glob.glob("/sys/class/fc_host/*/port_name"))
    return {"fibre_channel_wwn": [read_line(path)[2:] for path in ports]}


def read_iscsi() -> dict[str, Any]:
    rows = [row.split("=", 1) for row in read_lines("/etc/iscsi/initiatorname.iscsi") if "=" in row]
    names = [value.strip() for name, value in rows if name.strip() == "InitiatorName"]
    return {"iscsi_iqn": names[0] if names else ""}


def read_nvme() -> dict[str, Any]:
    return {"hostnqn": next((row for row in read_lines("/etc/nvme/hostnqn") if row.startswith("nqn.")), "")}
