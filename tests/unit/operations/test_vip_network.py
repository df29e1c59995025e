"""The API's address and the networks that a host has."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from kprov.operations.vip_network import find_vip_problem


def link(*addresses: str) -> dict[str, Any]:
    entries = []
    for text in addresses:
        one = ipaddress.IPv4Interface(text)
        entries.append(
            {
                "address": str(one.ip),
                "netmask": str(one.netmask),
                "network": str(one.network.network_address),
            }
        )
    return {"ipv4": entries[0], "ipv4_secondaries": entries[1:]} if entries else {}


FACTS: dict[str, Any] = {
    "ansible_default_ipv4": {"interface": "eth0"},
    "ansible_interfaces": ["lo", "eth0", "bond0_7"],
    "ansible_lo": link("127.0.0.1/8"),
    "ansible_eth0": link("10.85.0.11/24", "10.85.0.100/32", "10.90.0.1/30"),
    "ansible_bond0_7": {"device": "bond0.7", **link("192.0.2.5/25")},
    "ansible_eth9": {},
}


@pytest.mark.parametrize(
    ("vip", "interface", "words"),
    [
        ("10.85.0.100", None, None),
        ("10.90.0.2", None, None),
        ("192.0.2.100", "bond0.7", None),
        ("10.85.1.100", None, "10.85.1.100 is not an address of 10.85.0.0/24 and 10.90.0.0/30"),
        ("192.0.2.100", None, "bond0.7 has it: set keepalived_interface to bond0.7"),
        ("10.85.0.100", "eth9", "keepalived_interface eth9 has no IPv4 address"),
    ],
)
def test_the_address_must_be_of_the_interfaces_network(
    vip: str, interface: str | None, words: str | None
) -> None:
    said = find_vip_problem(ipaddress.IPv4Address(vip), FACTS, interface)
    assert said is None if words is None else words in str(said)


def test_its_own_address_on_an_interface_makes_no_network() -> None:
    facts = {**FACTS, "ansible_eth0": link("10.85.0.11/24", "10.99.0.100/32")}
    assert find_vip_problem(ipaddress.IPv4Address("10.99.0.100"), facts, None) is not None


def test_without_a_default_route_the_interface_has_to_be_named() -> None:
    said = find_vip_problem(ipaddress.IPv4Address("10.85.0.100"), {**FACTS, "ansible_default_ipv4": {}}, None)
    assert "set keepalived_interface" in str(said)
