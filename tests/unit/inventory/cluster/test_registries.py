"""Mirrors, passwords and proxies of an inventory: errors name the item and the field."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.inventory.cluster import proxies, registries

VALID = {
    "prefix": "docker.io",
    "mirrors": [
        {
            "host": "https://m.local:5000",
            "capabilities": ["pull", "resolve"],
            "skip_verify": False,
            "ca": "/etc/ca",
        },
        {
            "host": "http://10.0.0.1:5000/v2/x",
            "override_path": True,
            "client": [["/c", "/k"]],
            "header": {"a": "b"},
        },
    ],
}


def test_kubesprays_form_is_valid() -> None:
    mirrors = [VALID, {"prefix": "_default", "server": "https://x", "mirrors": []}]
    assert registries.check_mirrors(mirrors) is mirrors
    auth = [
        {"registry": "10.0.0.1:5000", "username": "u", "password": "p"},
        {"registry": "a.b", "auth": "dTpw"},
    ]
    assert registries.check_auth(auth) is auth


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "must be a list of mappings with prefix and mirrors"),
        (["docker.io"], "item 1 must be a mapping with prefix and mirrors"),
        ([{"mirrors": []}], "item 1: prefix is missing"),
        ([{"prefix": "docker.io"}], "item 1: mirrors is missing"),
        ([VALID, VALID], "item 2: prefix docker.io is item 1 already"),
        ([VALID | {"mirror": 1}], "item 1: there is no field mirror; the fields are prefix, server, mirrors"),
        ([VALID | {"prefix": "a/b"}], "item 1: prefix must be a registry such as docker.io or"),
        ([VALID | {"server": "x"}], "item 1: server must be a URL"),
        ([VALID | {"mirrors": {}}], "item 1: mirrors must be a list"),
    ],
)
def test_wrong_registries_are_named(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
        registries.check_mirrors(value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": None}, "host is missing"),
        ({"host": "m.local"}, "host must be a URL such as"),
        ({"host": "https://m:99999999"}, "host must be a URL such as"),
        ({"host": 'https://m"'}, "host must be a URL such as"),
        ({"capabilities": ["pull", "delete"]}, "capabilities: 'delete' is not one of pull, resolve, push"),
        ({"skip_verify": "yes"}, "skip_verify must be true or false"),
        ({"ca": "ca.crt"}, "ca must be the absolute path of a file on the hosts"),
        ({"client": ["/c"]}, "client must be a list of pairs"),
        ({"client": [["c", "/k"]]}, "client: certificate and key must be absolute paths"),
        ({"header": {"a b": "c"}}, "header: 'a b' must consist of"),
        ({"header": {"a": 1}}, "header: a: must be a text"),
        ({"tls": 1}, "there is no field tls; the fields are host, capabilities"),
    ],
)
def test_wrong_mirrors_are_named(change: dict[str, Any], message: str) -> None:
    mirror = {"host": "https://m.local"} | change
    with pytest.raises(ValueError, match=f"^item 1: mirrors: item 1: {message}"):
        registries.check_mirrors([{"prefix": "docker.io", "mirrors": [mirror]}])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"registry": "a.b"}, "needs username and password, or auth"),
        ({"registry": "a.b", "username": "u"}, "needs username and password, or auth"),
        (
            {"registry": "a.b", "username": "u", "password": "p", "auth": "x"},
            "needs username and password, or auth",
        ),
        ({"registry": "https://a.b", "auth": "x"}, "registry must be a host such as"),
        (
            {"registry": "a.b", "username": "u", "password": 1234},
            "password must be a text; write a number in quotes",
        ),
        ({"registry": "a.b", "user": "u"}, "there is no field user; the fields are registry, username"),
    ],
)
def test_wrong_passwords_are_named_but_not_shown(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^item 1: {message}") as error:
        registries.check_auth([entry])
    assert "1234" not in str(error.value)


@pytest.mark.parametrize("value", ["", "http://proxy:3128", "https://u:p@proxy.example.com"])
def test_urls_of_proxies_are_valid(value: str) -> None:
    assert proxies.check_proxy(value) == value


@pytest.mark.parametrize("value", ["proxy:3128", "socks5://p:1", 'http://p"', "http://p;x", "http://", 3128])
def test_other_proxies_are_rejected_without_their_text(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^must be a URL such as http://proxy.example.com:3128$"):
        proxies.check_proxy(value)


def test_hosts_domains_and_networks_need_no_proxy() -> None:
    value = "10.0.0.0/8, .example.com,*.svc,host,localhost:5000,*"
    assert proxies.check_no_proxy(value) == value
    with pytest.raises(ValueError, match="'a b' is not a host, a domain or a network"):
        proxies.check_no_proxy("x,a b")
    with pytest.raises(ValueError, match="must be a text"):
        proxies.check_no_proxy(["a"])
