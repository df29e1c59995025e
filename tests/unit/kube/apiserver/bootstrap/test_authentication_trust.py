"""What the config map of authorities says beside what other API servers have written."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kprov.kube.apiserver.bootstrap.authentication_trust import merge_data
from tests.certificates import Issuer

LISTS = ("username-headers", "uid-headers", "group-headers", "extra-headers-prefix", "allowed-names")


def bundle(*issuers: Issuer) -> str:
    return "".join(each.certificate.public_bytes(Encoding.PEM).decode() for each in issuers)


def wanted(clients: str, proxies: str = "", **lists: list[str]) -> dict[str, str]:
    data = {f"requestheader-{name}": json.dumps(lists.get(name.split("-")[0], [])) for name in LISTS}
    return data | {"client-ca-file": clients, "requestheader-client-ca-file": proxies}


def test_authorities_and_names_of_all_stay_each_once() -> None:
    one, two = Issuer("one"), Issuer("two")
    there = {"client-ca-file": bundle(one, one), "requestheader-allowed-names": '["a","b"]', "other": "x"}
    found = merge_data(there, wanted(bundle(two, one), bundle(two), allowed=["b", "c"]))
    assert found["client-ca-file"] == bundle(one, two)
    assert found["requestheader-allowed-names"] == '["a","b","c"]'
    assert "other" not in found
    assert "requestheader-uid-headers" not in found


def test_without_front_proxies_only_the_client_ca_is_published() -> None:
    one = Issuer("one")
    assert merge_data({}, wanted(bundle(one), allowed=["a"])) == {"client-ca-file": bundle(one)}


@pytest.mark.parametrize("name", ["client-ca-file", "requestheader-allowed-names"])
def test_what_nobody_can_read_is_left_alone(name: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        merge_data({name: "junk"}, wanted(bundle(Issuer("one"))))
