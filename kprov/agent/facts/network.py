"""Facts about interfaces, addresses, default routes, name servers and storage networks."""

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
#: Addresses of a public resolver. Their route is the default route; no packet is sent to them.
_PUBLIC_ADDRESSES = {socket.AF_INET: "8.8.8.8", socket.AF_INET6: "2404:6800:400a:800::1012"}


def read_network() -> dict[str, Any]:
    links = {
        os.path.basename(path): _read_link(path)
        for path in glob.glob("/sys/class/net/*")
        if os.path.isdir(path)
    }
    names = dict(socket.if_nameindex())
    facts: dict[str, Any] = {"all_ipv4_addresses": [], "all_ipv6_addresses": []}
    defaults = {family: _read_default(family, names) for family in _PUBLIC_ADDRESSES}
    for address in netlink.read_addresses():
        link = links.get(names.get(address.interface, ""))
        if link is None:
            continue
        entry = _address_entry(address)
        default = defaults[socket.AddressFamily(address.family)]
        if address.family == socket.AF_INET:
            _add_ipv4(links, link, address, entry)
            if not address.address.startswith("127."):
                facts["all_ipv4_addresses"].append(address.address)
        else:
            link.setdefault("ipv6", []).append(entry)
            if address.address != "::1":
                facts["all_ipv6_addresses"].append(address.address)
        if default.get("address") == address.address:
            default.update(
                {name: value for name, value in entry.items() if name != "address"},
                macaddress=link.get("macaddress", "00:00:00:00:00:00"),
                mtu=link.get("mtu"),
                type=link.get("type", "unknown"),
            )
            if address.family == socket.AF_INET:
                default["alias"] = address.label or link["device"]
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


def _address_entry(address: netlink.Address) -> dict[str, str]:
    if address.family != socket.AF_INET:
        return {"address": address.address, "prefix": str(address.prefix), "scope": address.scope}
    network = ipaddress.ip_network(f"{address.address}/{address.prefix}", strict=False)
    return {
        "address": address.address,
        "broadcast": address.broadcast,
        "netmask": str(network.netmask),
        "network": str(network.network_address),
        "prefix": str(address.prefix),
    }


def _add_ipv4(
    links: dict[str, Any], link: dict[str, Any], address: netlink.Address, entry: dict[str, str]
) -> None:
    """Add an address to the entry of its label; add a secondary address to its interface too."""
    label = address.label or link["device"]
    owner = links.setdefault(label, {}) if label != link["device"] else link
    if not address.secondary and "ipv4" not in owner:
        owner["ipv4"] = entry
    else:
        owner.setdefault("ipv4_secondaries", []).append(entry)
        if owner is not link:
            link.setdefault("ipv4_secondaries", []).append(entry)


def _read_default(family: socket.AddressFamily, names: dict[int, str]) -> dict[str, Any]:
    try:
        route = netlink.find_route(family, _PUBLIC_ADDRESSES[family])
    except OSError:
        return {}
    if route is None or route.interface not in names:
        return {}
    facts = {"interface": names[route.interface], "address": route.source, "gateway": route.gateway}
    return {name: value for name, value in facts.items() if value}


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
    facts: dict[str, Any] = {"type": "bonding", "slaves": read_line(f"{path}/slaves").split()}
    for name in ("mode", "miimon", "lacp_rate"):
        facts[name] = (read_line(f"{path}/{name}").split() or [""])[0]
    primary = read_line(f"{path}/primary")
    if primary:
        facts["primary"] = primary
        facts["all_slaves_active"] = read_line(f"{path}/all_slaves_active") == "1"
    return facts


def _read_features(device: str) -> dict[str, Any]:
    """Read the card's features with ethtool, if it is installed."""
    if not shutil.which("ethtool"):
        return {}
    facts: dict[str, Any] = {}
    code, out, _ = process.run_program(["ethtool", "-k", device])
    if code == 0:
        pairs = [row.split(": ", 1) for row in out.strip().splitlines() if ": " in row]
        facts["features"] = {name.strip().replace("-", "_"): value.strip() for name, value in pairs}
    code, out, _ = process.run_program(["ethtool", "-T", device])
    if code == 0:
        facts["timestamping"] = [name.lower() for name in re.findall(r"SOF_TIMESTAMPING_(\w+)", out)]
        facts["hw_timestamp_filters"] = [name.lower() for name in re.findall(r"HWTSTAMP_FILTER_(\w+)", out)]
        clock = re.search(r"PTP Hardware Clock: (\d+)", out)
        if clock:
            facts["phc_index"] = int(clock[1])
    return facts


def read_dns() -> dict[str, Any]:
    dns: dict[str, Any] = {}
    for row in read_lines("/etc/resolv.conf"):
        words = row.split()
        if len(words) < 2 or words[0][0] in "#;":
            continue
        if words[0] == "nameserver":
            dns.setdefault("nameservers", []).extend(words[1:])
        elif words[0] == "domain":
            dns["domain"] = words[1]
        elif words[0] in ("search", "sortlist"):
            dns[words[0]] = words[1:]
        elif words[0] == "options":
            pairs = (word.partition(":") for word in words[1:])
            dns["options"] = {name: value if colon else True for name, colon, value in pairs}
    return {"dns": dns}


def read_fibre_channel() -> dict[str, Any]:
    ports = sorted(glob.glob("/sys/class/fc_host/*/port_name"))
    return {"fibre_channel_wwn": [read_line(path)[2:] for path in ports]}


def read_iscsi() -> dict[str, Any]:
    rows = [row.split("=", 1) for row in read_lines("/etc/iscsi/initiatorname.iscsi") if "=" in row]
    names = [value.strip() for name, value in rows if name.strip() == "InitiatorName"]
    return {"iscsi_iqn": names[0] if names else ""}


def read_nvme() -> dict[str, Any]:
    return {"hostnqn": next((row for row in read_lines("/etc/nvme/hostnqn") if row.startswith("nqn.")), "")}
