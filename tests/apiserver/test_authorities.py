"""Authorities of clients and front proxies that change while the server runs, and how they are published."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apiserver.servers import ApiServer, Authority, running

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
TRUST = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authorities")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ApiServer]:
    Authority(folder, "front")
    flags = (
        f"--requestheader-client-ca-file={folder / 'front.crt'}",
        "--requestheader-allowed-names=proxy",
        "--requestheader-username-headers=X-Remote-User",
    )
    with running(folder, *flags) as (_, started):
        yield started


def status(server: ApiServer, certificate: Pair, **headers: str) -> int:
    """0: refused in the handshake."""
    try:
        return server.post(WHO, {}, token=None, certificate=certificate, headers=headers).status
    except OSError:
        return 0


def becomes(what: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def told(server: ApiServer, name: str) -> str:
    return str(server.get(TRUST).json.get("data", {}).get(name, ""))


def test_a_new_authority_is_taken_and_one_that_is_gone_no_more(server: ApiServer, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    zoe = other.issue("zoe", "zoe")
    assert status(server, zoe) == 0
    before, added = server.authority.file.read_text(), other.file.read_text()
    server.authority.file.write_text(before + added)
    assert becomes(lambda: status(server, zoe) == 201)
    assert becomes(lambda: added in told(server, "client-ca-file"))
    server.authority.file.write_text(before)
    assert becomes(lambda: status(server, zoe) == 401)
    # Other API servers may still have it.
    assert added in told(server, "client-ca-file")


def test_front_proxies_authority_is_exchanged(server: ApiServer, folder: Path, tmp_path: Path) -> None:
    other = Authority(tmp_path, "front2")
    proxy = other.issue("proxy", "proxy")
    (folder / "front.crt").write_bytes(other.file.read_bytes())
    named = {"X-Remote-User": "zoe"}
    assert becomes(lambda: status(server, proxy, **named) == 201)
    assert becomes(lambda: other.file.read_text() in told(server, "requestheader-client-ca-file"))


def test_the_config_map_comes_back_at_once(server: ApiServer) -> None:
    assert server.ask("DELETE", TRUST).status == 200
    assert becomes(lambda: server.get(TRUST).status == 200)
    assert told(server, "requestheader-allowed-names") == '["proxy"]'


def test_a_client_shows_the_authorities_between(server: ApiServer, tmp_path: Path) -> None:
    first = Authority(tmp_path, "first", above=server.authority)
    second = Authority(tmp_path, "second", above=first)
    alice = second.issue_along([second, first], "alice", "alice", ["dev"])
    who = server.post(WHO, {}, token=None, certificate=alice).json["status"]["userInfo"]
    assert (who["username"], who["groups"]) == ("alice", ["dev", "system:authenticated"])
    ended = Authority(tmp_path, "ended", above=server.authority, days=-1)
    assert status(server, ended.issue_along([ended], "bob", "bob")) == 401


def test_a_front_proxy_shows_the_authorities_between(server: ApiServer, folder: Path, tmp_path: Path) -> None:
    root = Authority(tmp_path, "front3")
    between = Authority(tmp_path, "between", above=root)
    proxy = between.issue_along([between], "proxy", "proxy")
    (folder / "front.crt").write_bytes(root.file.read_bytes())
    assert becomes(lambda: status(server, proxy, **{"X-Remote-User": "zoe"}) == 201)
    # It is none of the clients' authorities.
    assert status(server, proxy) == 401


def test_an_authority_of_the_file_need_not_be_a_root(server: ApiServer, tmp_path: Path) -> None:
    root = Authority(tmp_path, "offline")
    online = Authority(tmp_path, "online", above=root)
    before = server.authority.file.read_text()
    server.authority.file.write_text(before + online.file.read_text())
    assert becomes(lambda: status(server, online.issue("zoe", "zoe")) == 201)
    # The root itself is not in the file.
    assert status(server, root.issue("eve", "eve")) == 0
    server.authority.file.write_text(before)
