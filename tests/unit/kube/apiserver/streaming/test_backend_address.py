"""Hosts and ports of backends."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.streaming import backend_address


@pytest.mark.parametrize(
    ("port", "problem"),
    [
        ("80", ""),
        ("0080", ""),
        ("65535", ""),
        ("65536", "dial tcp: address 65536: invalid port"),
        ("9" * 5000, f"dial tcp: address {'9' * 5000}: invalid port"),
        ("abc", "dial tcp: lookup tcp/abc: unknown port"),
        ("x@[v1.name]", "dial tcp: lookup tcp/x@[v1.name]: unknown port"),
        ("-1", "dial tcp: lookup tcp/-1: unknown port"),
        ("٨٠", "dial tcp: lookup tcp/٨٠: unknown port"),
        ("80]", "dial tcp: lookup tcp/80]: unknown port"),
        (" 80", "dial tcp: lookup tcp/ 80: unknown port"),
    ],
)
def test_a_port_is_a_number_of_ascii_digits(port: str, problem: str) -> None:
    assert backend_address.find_port_problem(port) == problem


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "169.254.169.254", "::ffff:169.254.169.254",
        "fe80::1", "fe80::1%eth0", "10.0.0.1%x", "0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.1", "ff02::1",
        "255.255.255.255", "::ffff:255.255.255.255", "", "v1.name", "10.0.0.1:80", "127.1", "0x7f.1",
    ],
)  # fmt: skip
def test_a_proxy_does_not_connect_to_special_addresses_in_any_notation(address: str) -> None:
    assert not backend_address.is_allowed(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_proxy_connects_to_unicast_addresses(address: str) -> None:
    assert backend_address.is_allowed(address)


@pytest.mark.parametrize("host", ["n1", "n1.example.org", "n1.example.org.", "a_b", "10.0.0.1", "fd00::1"])
def test_a_host_is_an_address_or_a_name(host: str) -> None:
    assert backend_address.is_host(host)


@pytest.mark.parametrize(
    "host", ["", "a@b", "a/b", "a:80", "[v1.name]", "a?b", "a b", "a\r\nb", "-a", "a" * 254]
)
def test_text_that_would_change_a_url_is_not_a_host(host: str) -> None:
    assert not backend_address.is_host(host)
