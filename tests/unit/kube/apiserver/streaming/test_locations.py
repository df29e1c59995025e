"""Where requests to pods, nodes and services go, and what of them goes there."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from kprov.kube.apiserver.streaming import forward, headers, paths
from kprov.kube.apiserver.streaming.kubelet import KubeletAddress, parse_address
from kprov.kube.apiserver.subresources import pod_log as log
from kprov.kube.apiserver.subresources import pod_streams as streams
from kprov.kube.apiserver.subresources import proxy
from kprov.kube.component_base.http11.request import Request
from kprov.kube.machinery.status import StatusError


def node(port: int | None = 10251) -> dict[str, Any]:
    endpoints = {"daemonEndpoints": {"kubeletEndpoint": {"Port": port}}} if port else {}
    addresses = [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.1"}]
    return {"metadata": {"name": "n1"}, "status": {"addresses": addresses} | endpoints}


def test_a_kubelets_address_is_of_the_preferred_type() -> None:
    assert parse_address(node(), ("InternalIP", "Hostname")) == KubeletAddress("10.0.0.1", 10251)
    assert parse_address(node(None), ("ExternalIP", "Hostname")) == KubeletAddress("n1", 10250)
    with pytest.raises(StatusError) as caught:
        parse_address(node(), ("ExternalIP",))
    assert caught.value.code == 500
    assert "reason" not in caught.value.status
    known = "[{Hostname n1} {InternalIP 10.0.0.1}]"
    assert caught.value.message == f"no preferred addresses found; known addresses: {known}"


def test_a_kubelet_says_whether_it_knows_websockets_by_itself() -> None:
    given = node()
    assert not parse_address(given, ("Hostname",)).websockets
    given["status"]["declaredFeatures"] = ["A", "ExtendWebSocketsToKubelet"]
    assert parse_address(given, ("Hostname",)).websockets


def test_a_kubelets_url() -> None:
    address = KubeletAddress("fd00::1", 10250)
    url = streams.build_url(address, "exec", "ns", "p", "c", [("output", "1"), ("command", "a b")])
    assert url == "https://[fd00::1]:10250/exec/ns/p/c?command=a+b&output=1"
    assert streams.build_url(address, "portForward", "ns", "p") == "https://[fd00::1]:10250/portForward/ns/p"


def test_streams_under_the_kubelets_names() -> None:
    query = {"stdin": "true", "stdout": "1", "stderr": "false", "tty": "true"}
    assert streams.build_query(query) == [("input", "1"), ("output", "1"), ("tty", "1")]


def test_log_parameters() -> None:
    query = {"follow": "true", "previous": "false", "tailLines": "0", "container": "c"}
    assert log.build_query("p", query) == [("follow", "true"), ("tailLines", "0")]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"tailLines": "-1"}, 422),
        ({"limitBytes": "0"}, 422),
        ({"sinceSeconds": "0"}, 422),
        ({"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"}, 422),
        ({"stream": "Stdout"}, 422),
        ({"sinceTime": "x"}, 400),
        ({"stream": "Stdout", "tailLines": "1"}, 422),
        ({"tailLines": "x"}, 400),
        ({"tailLines": ""}, 400),
    ],
)
def test_log_parameters_that_make_no_sense(query: dict[str, str], code: int) -> None:
    with pytest.raises(StatusError) as caught:
        log.build_query("p", query)
    assert caught.value.code == code


def test_a_kubelets_refusal_keeps_its_text() -> None:
    assert log.convert_error(400, "is waiting to start", "p").message == "is waiting to start"
    missing = log.convert_error(404, "no such pod", "p")
    assert (missing.reason, missing.status["details"]["causes"][0]["message"]) == ("NotFound", "no such pod")
    # Nobody has asked it to switch protocols.
    assert log.convert_error(101, "", "p").code == 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", ("", "web", "")),
        ("web:http", ("", "web", "http")),
        ("https:web:443", ("https", "web", "443")),
        ("https:web:", ("https", "web", "")),
    ],
)
def test_names_of_what_is_proxied_to(text: str, expected: tuple[str, str, str]) -> None:
    assert proxy.split_name(text, "service") == expected


@pytest.mark.parametrize("text", ["ftp:web:21", ":80", "a:b:c:d"])
def test_names_that_are_none(text: str) -> None:
    with pytest.raises(StatusError, match="invalid service request"):
        proxy.split_name(text, "service")


def test_a_pods_first_port_is_taken() -> None:
    pod = {
        "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 8080}]}]},
        "status": {"podIPs": [{"ip": "10.1.0.7"}]},
    }
    assert proxy.build_pod_url(pod, "", "") == "http://10.1.0.7:8080"
    assert proxy.build_pod_url(pod, "https", "443") == "https://10.1.0.7:443"


@pytest.mark.parametrize("ip", ["127.0.0.1", "169.254.1.1", "0.0.0.0", "", "::1", "224.0.0.1"])
def test_no_one_is_sent_to_the_servers_own_addresses(ip: str) -> None:
    with pytest.raises(StatusError, match="address not allowed"):
        proxy.build_pod_url({"spec": {}, "status": {"podIPs": [{"ip": ip}] if ip else []}}, "", "80")


def test_ready_endpoints_of_a_port_by_its_name() -> None:
    endpoints = {
        "subsets": [
            {
                "addresses": [{"ip": "10.1.0.1"}],
                "notReadyAddresses": [{"ip": "10.1.0.2"}],
                "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}],
            }
        ]
    }
    assert proxy.list_endpoints(endpoints, "http") == [({"ip": "10.1.0.1"}, 8080)]
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80}]}}
    assert proxy.find_port_name(service, 80) == "http"
    with pytest.raises(StatusError) as caught:
        proxy.find_port_name(service, 81)
    assert caught.value.message == 'no service port 81 found for service "web"'


def test_credentials_and_headers_of_the_connection_stay_here() -> None:
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


def test_each_connection_header_names_headers_that_stay_here() -> None:
    sent = CIMultiDict(
        [("Connection", "close"), ("Connection", "X-Hop, X-Jump"), ("X-Hop", "1"), ("X-Jump", "2")]
    )
    assert not headers.filter_request(Request("GET", "/", sent))


def test_an_upgrade_is_passed_on_without_the_token_among_its_protocols() -> None:
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


def test_an_upgrade_by_post_tells_that_it_has_no_body_and_keeps_what_a_neighbour_is_told() -> None:
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
def test_of_codings_only_trailers_go_on(te: str, expected: str | None) -> None:
    assert headers.filter_request(Request("GET", "/", CIMultiDict({"TE": te}))).get("Te") == expected


@pytest.mark.parametrize(("method", "expected"), [("GET", None), ("POST", "0")])
def test_only_who_may_have_a_body_tells_that_there_is_none(method: str, expected: str | None) -> None:
    sent = headers.filter_request(Request(method, "/", CIMultiDict({"Content-Length": "0"})))
    assert sent.get("Content-Length") == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""), ("/", "/"), ("//", "/"), ("/a/../b", "/b"), ("/a//b/", "/a/b/"), ("/..", "/"), ("/.", "/"), ("//a", "/a"), ("/a/./b", "/a/b"),
    ],
)  # fmt: skip
def test_a_path_is_made_plain(path: str, expected: str) -> None:
    assert paths.clean(path) == expected


def test_a_path_is_escaped_as_go_does() -> None:
    assert paths.escape("/a b/$&+,:;=@-_.~") == "/a%20b/$&+,:;=@-_.~"
    assert paths.escape("/(a)!*'?#[") == "/%28a%29%21%2A%27%3F%23%5B"
    assert paths.join("/api/proxy", "/a/") == "/api/proxy/a/"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2020-01-01T00:00:00.123456+02:00", "2019-12-31T22:00:00Z"), ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), ("", "0001-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_kubelet_gets_the_time_of_a_log_in_utc(given: str, sent: str) -> None:
    assert log.build_query("p", {"sinceTime": given}) == [("sinceTime", sent)]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/login?x=1", "/proxy/login?x=1"),
        ("http://10.1.0.7:80/a", "/proxy/a"),
        ("http://elsewhere/a", "http://elsewhere/a"),
        ("next", "next"),
        ("/proxy/a", "/proxy/a"),
        ("/next/", "/proxy/next/"),
        ("http://api:6443/a", "http://api:6443/proxy/a"),
    ],
)
def test_redirects_within_the_backend_lead_through_the_proxy(location: str, expected: str) -> None:
    assert forward.rewrite_location(location, "10.1.0.7:80", "api:6443", "/proxy") == expected
