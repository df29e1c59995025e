"""What is said of the spellings of addresses and ranges, in upstream's words."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kprov.kube.apiserver.registry.generic import addresses

CANONICAL = "should be in RFC 5952 canonical format"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1.2.3.4", ""),
        ("2001:DB8::1", ""),
        ("1.2.3", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        ("fe80::1%eth0", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        ("010.2.3.4", "must not have leading 0s"),
        ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
    ],
)
def test_an_address_has_one_reading(text: str, words: str) -> None:
    assert [error.message for error in addresses.check_ip_address(text, "x")] == (
        [f'Invalid value: "{text}": {words}'] if words else []
    )
    assert list(addresses.check_ip_address(text, "x", [text])) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.0/8", ""),
        ("1.2.3.4", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ("1.2.3.4/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ("1.2.3.4/8", "must not have bits set beyond the prefix length"),
        ("010.0.0.0/8", "must not have leading 0s in IP or prefix length"),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
    ],
)
def test_a_range_has_one_reading(text: str, words: str) -> None:
    assert [error.message for error in addresses.check_cidr(text, "x")] == (
        [f'Invalid value: "{text}": {words}'] if words else []
    )
    assert list(addresses.check_cidr(text, "x", [text])) == []


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("1.2.3.4", ""),
        ("2001:db8::1", ""),
        ("2001:DB8::1", f'x: IPv6 address "2001:DB8::1" {CANONICAL} ("2001:db8::1")'),
        ("::ffff:1.2.3.4", 'x: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"'),
        ("01.2.3.4", 'x: non-standard IP address "01.2.3.4" is invalid: use "1.2.3.4"'),
    ],
)
def test_odd_addresses_are_warned_of(text: str, warning: str) -> None:
    assert list(addresses.find_ip_warnings(text, "x")) == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("10.0.0.0/8", ""),
        (
            "1.2.3.4/8",
            'x: CIDR value "1.2.3.4/8" is ambiguous in this context (should be "1.0.0.0/8" or "1.2.3.4/32"?)',
        ),
        ("2001:DB8::/64", f'x: IPv6 CIDR value "2001:DB8::/64" {CANONICAL} ("2001:db8::/64")'),
    ],
)
def test_odd_ranges_are_warned_of(text: str, warning: str) -> None:
    assert list(addresses.find_cidr_warnings(text, "x")) == ([warning] if warning else [])


def parse_in_python(text: str) -> object:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


@given(
    st.one_of(
        st.text("0123456789abcf:.%", max_size=20),
        st.lists(st.sampled_from(["", "0", "1", "ffff", "00001", "1.2.3.4"]), max_size=9).map(":".join),
        st.ip_addresses().map(str),
        st.text(max_size=8),
    )
)
@example("::ffff:0:0")
@example("None")
def test_the_parser_of_the_c_library_reads_what_pythons_does(text: str) -> None:
    expected = parse_in_python(text)
    # Go's form of an address that is mapped from IPv4 has a dot.
    is_mapped = isinstance(expected, ipaddress.IPv6Address) and expected.ipv4_mapped is not None
    is_canonical = expected is not None and str(expected) == text and not is_mapped
    assert not is_canonical or list(addresses.check_canonical_ip_address(text, "")) == []
    network = addresses.parse_network(f"{text}/8")
    assert (network is None) == (addresses.parse_address(text) is None)
    if ":" in text:
        assert addresses.parse_address(text) == expected
