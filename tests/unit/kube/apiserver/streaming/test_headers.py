"""Headers for a backend."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from kprov.kube.apiserver.streaming import headers
from kprov.kube.component_base.http11.request import Request


def test_credentials_and_hop_by_hop_headers_are_not_forwarded() -> None:
    sent = {
        "Host": "api",
        "Authorization": "Bearer secret",
        "Impersonate-User": "u",
        "X-Remote-User": "u",
        "Connection": "close, X-Hop",
        "X-Hop": "1",
        "Transfer-Encoding": "chunked",
        "Accept": "text/html",
    }
    assert dict(headers.filter_request(Request("GET", "/", CIMultiDict(sent)))) == {"Accept": "text/html"}


def test_an_upgrade_is_forwarded_without_the_token_among_its_protocols() -> None:
    sent = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "k",
        "Sec-WebSocket-Protocol": "base64url.bearer.authorization.k8s.io.dG9rZW4, v5.channel.k8s.io",
    }
    assert dict(headers.filter_upgrade(Request("GET", "/", CIMultiDict(sent)))) == {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-Websocket-Key": "k",
        "Sec-Websocket-Protocol": "v5.channel.k8s.io",
        "User-Agent": "Go-http-client/1.1",
    }


def test_an_upgrade_with_post_has_content_length_0_and_keeps_hop_by_hop_headers() -> None:
    sent = {"connection": "upgrade", "UPGRADE": "SPDY/3.1", "Keep-Alive": "5", "User-Agent": "kubectl"}
    assert dict(headers.filter_upgrade(Request("POST", "/", CIMultiDict(sent)))) == {
        "Connection": "upgrade",
        "Upgrade": "SPDY/3.1",
        "Keep-Alive": "5",
        "User-Agent": "kubectl",
        "Content-Length": "0",
    }


@pytest.mark.parametrize(
    ("te", "expected"), [("trailers", "trailers"), ("gzip, Trailers", "trailers"), ("gzip", None)]
)
def test_only_trailers_are_forwarded_of_te(te: str, expected: str | None) -> None:
    assert headers.filter_request(Request("GET", "/", CIMultiDict({"TE": te}))).get("Te") == expected


@pytest.mark.parametrize(("method", "expected"), [("GET", None), ("POST", "0")])
def test_only_methods_with_a_body_have_content_length_0(method: str, expected: str | None) -> None:
    sent = headers.filter_request(Request(method, "/", CIMultiDict({"Content-Length": "0"})))
    assert sent.get("Content-Length") == expected


def test_headers_named_by_any_connection_header_are_not_forwarded() -> None:
    sent = CIMultiDict(
        [("Connection", "close"), ("Connection", "X-Hop, X-Jump"), ("X-Hop", "1"), ("X-Jump", "2")]
    )
    assert not headers.filter_request(Request("GET", "/", sent))
