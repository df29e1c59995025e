"""Certificates that an authority vouches for through others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kprov.kube.apiserver.authn import chains
from tests.certificates import Issuer

ROOT = Issuer("root")
FIRST = Issuer("first", above=ROOT)
SECOND = Issuer("second", above=FIRST)
DNS, MAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier


def holds(
    by: Issuer, *along: Issuer, roots: Sequence[Issuer] = (ROOT,), says: Sequence[x509.ExtensionType] = ()
) -> bool:
    """Whether a certificate of that authority, with others shown along, holds now."""
    leaf, _ = by.issued("alice", says=says)
    shown = [leaf, *(issuer.certificate for issuer in along)]
    now = datetime.now(UTC)
    found = chains.find_validity(shown, [root.certificate for root in roots])
    return any(begins <= now <= ends for begins, ends in found)


def usage(*signs: str) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in signs for name in names})


def test_authorities_between_are_shown_in_any_order_with_others_among_them() -> None:
    other = Issuer("other")
    assert holds(ROOT)
    assert holds(FIRST, FIRST)
    assert holds(SECOND, SECOND, FIRST)
    assert holds(SECOND, other, FIRST, SECOND, ROOT)


def test_a_chain_without_one_of_its_parts_does_not_hold() -> None:
    assert not holds(FIRST)
    assert not holds(SECOND, SECOND)
    assert not holds(SECOND, SECOND, FIRST, roots=[Issuer("root")])


def test_an_authority_need_not_be_a_root() -> None:
    assert holds(SECOND, SECOND, roots=[FIRST])
    assert not holds(ROOT, roots=[FIRST])


def test_each_part_has_to_be_in_force() -> None:
    ended = Issuer("ended", above=ROOT, days=-1)
    assert not holds(ended, ended)
    again = Issuer("again", days=-1)
    assert not holds(again, roots=[again])
    # One way is enough.
    assert holds(ended, ended, roots=[ROOT, ended]) is False
    assert holds(FIRST, FIRST, roots=[again, ROOT])


def test_who_is_no_authority_vouches_for_nobody() -> None:
    below = Issuer("below", above=ROOT, says=[usage("crl_sign")])
    assert not holds(below, below)
    signs = Issuer("signs", above=ROOT, says=[usage("key_cert_sign")])
    assert holds(signs, signs)


def test_a_length_of_the_path_is_kept_to() -> None:
    last = Issuer("last", above=ROOT, path_length=0)
    beyond = Issuer("beyond", above=last)
    assert holds(last, last)
    assert not holds(beyond, beyond, last)


@pytest.mark.parametrize(
    ("purpose", "right"),
    [
        (ExtendedKeyUsageOID.CLIENT_AUTH, True),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, True),
        (ExtendedKeyUsageOID.SERVER_AUTH, False),
    ],
)
def test_all_of_a_chain_is_for_clients(purpose: x509.ObjectIdentifier, right: bool) -> None:
    between = Issuer("between", above=ROOT, says=[x509.ExtendedKeyUsage([purpose])])
    assert holds(between, between) is right
    root = Issuer("purpose", says=[x509.ExtendedKeyUsage([purpose])])
    assert holds(root, roots=[root]) is right


@pytest.mark.parametrize(
    ("permitted", "excluded", "name", "right"),
    [
        ([DNS("a.example")], None, DNS("x.A.example"), True),
        ([DNS("a.example")], None, DNS("a.example"), True),
        ([DNS(".a.example")], None, DNS("a.example"), False),
        ([DNS("a.example")], None, DNS("ba.example"), False),
        ([DNS("a.example")], None, MAIL("x@b.example"), True),
        (None, [DNS("a.example")], DNS("x.a.example"), False),
        (None, [DNS("a.example")], DNS("x.b.example"), True),
        ([MAIL("a.example")], None, MAIL("x@a.example"), True),
        ([MAIL("y@a.example")], None, MAIL("x@a.example"), False),
        ([URI("a.example")], None, URI("spiffe://a.example/x"), True),
        ([URI("a.example")], None, URI("spiffe://b.example/x"), False),
        ([URI("a.example")], None, URI("https://10.0.0.1/x"), False),
        ([x509.IPAddress(ip_network("10.0.0.0/8"))], None, x509.IPAddress(ip_address("10.1.1.1")), True),
        ([x509.IPAddress(ip_network("10.0.0.0/8"))], None, x509.IPAddress(ip_address("::1")), False),
    ],
)
def test_an_authority_may_be_for_some_names_only(
    permitted: list[x509.GeneralName] | None,
    excluded: list[x509.GeneralName] | None,
    name: x509.GeneralName,
    right: bool,
) -> None:
    between = Issuer("between", above=ROOT, says=[x509.NameConstraints(permitted, excluded)])
    assert holds(between, between, says=[x509.SubjectAlternativeName([name])]) is right
    assert holds(between, between)


def test_many_authorities_of_one_name_are_not_all_tried() -> None:
    many = [Issuer("first", above=ROOT) for _ in range(101)]
    assert not holds(FIRST, *many, FIRST)
    assert holds(FIRST, *many[:98], FIRST)
