"""A lab's network: a bridge with the gateway, a veth pair and a namespace per host, and NAT or isolation."""

from __future__ import annotations

import json
from pathlib import Path

from kprov.lab.command import run_program
from kprov.lab.definition import Host, Lab, bridge, nft_table, veth_prefix

NETNS = Path("/run/netns")


def ensure_bridge(lab: Lab) -> None:
    """Create or correct the bridge and the lab's rules."""
    name = bridge(lab.name)
    if not _link_exists(name):
        run_program(
            ["ip", "link", "add", name, "mtu", str(_find_outer_mtu()), "type", "bridge", "forward_delay", "0"]
        )
    width = lab.network.prefixlen
    run_program(["ip", "address", "replace", f"{lab.gateway}/{width}", "dev", name])
    run_program(["ip", "link", "set", name, "up"])
    run_program(["nft", "-f", "-"], stdin=render_rules(lab))


def render_rules(lab: Lab) -> str:
    """Render the lab's nftables table for `nft -f`; it replaces an older one."""
    table = nft_table(lab.name)
    chains = _render_isolation(lab) if lab.isolated else _render_masquerade(lab)
    return f"""\
table ip {table}
delete table ip {table}
table ip {table} {{
{chains}
}}
"""


def _render_masquerade(lab: Lab) -> str:
    return f"""\
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {lab.subnet} ip daddr != {lab.subnet} oifname != "{bridge(lab.name)}" masquerade
  }}"""


def _render_isolation(lab: Lab) -> str:
    """Render rules for hosts that answer this machine, and reach neither it nor anything behind it.

    They keep their default route, as hosts behind a firewall have one.
    """
    return f"""\
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "{bridge(lab.name)}" oifname != "{bridge(lab.name)}" reject with icmp type admin-prohibited
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "{bridge(lab.name)}" ct state new reject with icmp type admin-prohibited
  }}"""


def connect_host(lab: Lab, host: Host) -> Path:
    """Create the host's network namespace again, with eth0 up and its address; return its path."""
    disconnect_host(host)
    inside = ["ip", "-n", host.machine]
    mtu = str(_find_outer_mtu())
    run_program(["ip", "netns", "add", host.machine])
    run_program(["ip", "link", "add", host.veth, "mtu", mtu, "type", "veth",
         "peer", "name", "eth0", "mtu", mtu, "netns", host.machine])  # fmt: skip
    run_program(["ip", "link", "set", host.veth, "master", bridge(lab.name), "up"])
    run_program([*inside, "link", "set", "lo", "up"])
    run_program([*inside, "address", "add", f"{host.address}/{lab.network.prefixlen}", "dev", "eth0"])
    run_program([*inside, "link", "set", "eth0", "up"])
    run_program([*inside, "route", "add", "default", "via", lab.gateway])
    return NETNS / host.machine


def disconnect_host(host: Host) -> None:
    """Remove the host's namespace and veth pair, if they exist."""
    _remove_namespace(host.machine)
    # Removed with the namespace, unless a process still uses it.
    if _link_exists(host.veth):
        run_program(["ip", "link", "delete", host.veth], check=False)


def remove_network(lab: str) -> list[str]:
    """Remove all parts of a lab's network by their names; return what was removed."""
    removed = []
    for namespace in sorted(NETNS.glob(f"kprov.{lab}.*")):
        _remove_namespace(namespace.name)
        removed.append(f"network namespace {namespace.name}")
    links = [link["ifname"] for link in json.loads(run_program(["ip", "-j", "link", "show"]).stdout or "[]")]
    for link in links:
        if link == bridge(lab) or link.startswith(veth_prefix(lab)):
            run_program(["ip", "link", "delete", link], check=False)
            removed.append(f"link {link}")
    table = nft_table(lab)
    if run_program(["nft", "list", "table", "ip", table], check=False).returncode == 0:
        run_program(["nft", "delete", "table", "ip", table])
        removed.append(f"nftables table {table}")
    return removed


def _remove_namespace(name: str) -> None:
    if not (NETNS / name).exists():
        return
    # After a crash the file may exist without the mounted namespace.
    if run_program(["ip", "netns", "delete", name], check=False).returncode != 0:
        run_program(["umount", "--lazy", str(NETNS / name)], check=False)
        (NETNS / name).unlink(missing_ok=True)


def _link_exists(link: str) -> bool:
    return Path("/sys/class/net", link).exists()


def _find_outer_mtu() -> int:
    """Return the MTU of the default route: larger packets could be lost without path MTU discovery."""
    routes = json.loads(run_program(["ip", "-j", "route", "show", "default"]).stdout or "[]")
    for route in routes:
        file = Path("/sys/class/net", route.get("dev", ""), "mtu")
        if file.is_file():
            return int(file.read_text())
    return 1500
