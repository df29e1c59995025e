"""Tokens among the subprotocols of a WebSocket."""

from __future__ import annotations

import base64

import pytest
from multidict import CIMultiDict

from kprov.kube.apiserver.authn.certificates import CertificateAuthenticator
from kprov.kube.apiserver.authn.union import Union
from kprov.kube.apiserver.authn.websocket_tokens import find_token
from kprov.kube.apiserver.request import UserInfo
from kprov.kube.machinery.status import StatusError

PREFIX = "base64url.bearer.authorization.k8s.io."


def offered(*lines: str, upgrade: str = "websocket") -> CIMultiDict[str]:
    switch = [("Upgrade", upgrade), ("Connection", "keep-alive, Upgrade")]
    return CIMultiDict([*switch, *(("sec-websocket-protocol", line) for line in lines)])


def packed(token: str) -> str:
    return PREFIX + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize("token", ["a", "ab", "abc", "??>>", "é", "a.b.c"])
def test_a_token_is_unpacked(token: str) -> None:
    assert find_token(offered(f"{packed(token)}, base64.binary.k8s.io")) == token
    assert find_token(offered("v5.channel.k8s.io", packed(token), upgrade="WebSocket")) == token


@pytest.mark.parametrize(
    "headers",
    [
        offered("v5.channel.k8s.io"), offered(), CIMultiDict[str](), offered(packed("a"), "x", upgrade="SPDY/3.1"),
        CIMultiDict([("Sec-WebSocket-Protocol", f"{packed('a')}, x")]),
        CIMultiDict([("Sec-WebSocket-Protocol", f"{packed('a')}, x"), ("Upgrade", "websocket")]), offered(PREFIX), offered(f"{PREFIX}, x"),
    ],
)  # fmt: skip
def test_no_token_is_none(headers: CIMultiDict[str]) -> None:
    assert find_token(headers) == ""


@pytest.mark.parametrize(
    "headers",
    [
        offered(packed("a")), offered(f"{packed('a')}, {packed('b')}, x"), offered(f"{PREFIX}!!!, x"), offered(f"{PREFIX}A, x"),
        offered(f"{PREFIX}_w, x"), offered(f"{PREFIX}YQ==, x"), offered(f"{PREFIX}\xe9, x"), offered(f"{PREFIX}Y Q, x"),
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_read_is_refused(headers: CIMultiDict[str]) -> None:
    with pytest.raises(StatusError) as caught:
        find_token(headers)
    assert caught.value.code == 401


async def test_whose_token_it_is() -> None:
    union = Union(CertificateAuthenticator([]), None, None, None, static={"secret": UserInfo(name="alice")})
    found = await union.authenticate(offered(packed("secret"), "x"), ())
    assert found is not None
    assert found.name == "alice"
    with pytest.raises(StatusError):
        await union.authenticate(offered(packed("other"), "x"), ())
