"""The listener: TLS versions and suites, limits of requests, metrics that people scrape."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.apiserver.servers import ApiServer, Authority, Etcd, running

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"
    with running(tmp_path_factory.mktemp("serving"), f"--tls-cipher-suites={suites}") as (_, started):
        yield started


def _handshake(server: ApiServer, context: ssl.SSLContext) -> ssl.SSLSocket:
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        return context.wrap_socket(plain, server_hostname="localhost")


def test_tls_is_1_2_or_newer_with_the_suites_that_were_named(server: ApiServer) -> None:
    context = server.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with _handshake(server, context) as connection:
        assert connection.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"  # type: ignore[index]
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError):
        _handshake(server, context)
    with _handshake(server, server.context()) as connection:
        assert connection.version() == "TLSv1.3"


@pytest.mark.parametrize("start", [b"GET / ", b"POST /api/v1/pods ", b"HEAD / ", b"PUT /x ", b"OPTIONS / "])
def test_plain_http_on_the_tls_port_gets_an_error(server: ApiServer, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(start + b"HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.settimeout(10)
        said = b"".join(iter(lambda: plain.recv(4096), b""))
    assert said == b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


def test_a_handshake_that_fails_ends_with_an_alert(server: ApiServer, tmp_path: Path) -> None:
    context = server.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError) as failed:
        _handshake(server, context)
    assert failed.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"
    foreign = server.context()
    foreign.load_cert_chain(
        *Authority(tmp_path, "foreign").issue("foreign-client", "admin", ["system:masters"])
    )
    foreign.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError) as failed:
        _handshake(server, foreign)
    assert failed.value.reason == "TLSV1_ALERT_UNKNOWN_CA"


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--tls-min-version=VersionTLS11", 'unknown tls version "VersionTLS11"'),
        ("--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA", "not supported or doesn't exist"),
    ],
)
def test_weaker_tls_is_refused(tmp_path: Path, flag: str, said: str) -> None:
    etcd = Etcd(tmp_path)
    try:
        assert said in ApiServer(tmp_path, etcd, flag).refused()
    finally:
        etcd.stop()


def test_a_request_above_3_mib_is_too_large(server: ApiServer) -> None:
    large = b'{"metadata":{"name":"x"},"data":{"a":"' + b"x" * 3 * 1024 * 1024 + b'"}}'
    answer = server.post(MAPS, large)
    assert answer.status == 413
    assert answer.json["reason"] == "RequestEntityTooLarge"
    assert answer.json["message"] == "Request entity too large: limit is 3145728"


def test_a_body_is_never_packed_whatever_its_head_says(server: ApiServer) -> None:
    plain = b'{"metadata":{"name":"never-packed"}}'
    said = {"Content-Encoding": "gzip"}
    answer = server.post(MAPS, gzip.compress(plain), headers=said)
    assert answer.status == 400
    assert "looking for beginning of value" in answer.json["message"]
    assert server.post(MAPS, plain, headers=said).status == 201


def test_headers_have_a_limit(server: ApiServer) -> None:
    assert server.get("/version", headers={"X-Large": "x" * 100_000}).status == 200
    answer = server.get("/version", headers={"X-Large": "x" * 2_000_000})
    assert answer.status == 431
    assert server.get("/version").status == 200


def metrics(server: ApiServer) -> tuple[dict[tuple[Any, ...], float], str]:
    """Values by name and labels, and the text they stand in."""
    text = server.get("/metrics").body.decode()
    samples: dict[tuple[Any, ...], float] = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return samples, text


def test_metrics_have_upstreams_names_and_labels(server: ApiServer) -> None:
    before, _ = metrics(server)
    server.post(MAPS, {"metadata": {"name": "counted"}})
    server.get(f"{MAPS}/counted")
    server.get(MAPS)
    after, text = metrics(server)

    def value(name: str, **labels: str) -> float:
        return after[name, *sorted(labels.items())]

    def more(name: str, **labels: str) -> float:
        return value(name, **labels) - before.get((name, *sorted(labels.items())), 0)

    place = {
        "dry_run": "", "group": "", "version": "v1", "resource": "configmaps", "subresource": "",
        "component": "apiserver",
    }  # fmt: skip
    assert more("apiserver_request_total", verb="POST", scope="resource", code="201", **place) == 1
    assert more("apiserver_request_total", verb="GET", scope="resource", code="200", **place) == 1
    duration = "apiserver_request_duration_seconds"
    assert more(f"{duration}_count", verb="LIST", scope="namespace", **place) == 1
    assert more(f"{duration}_bucket", verb="LIST", scope="namespace", le="60", **place) == 1
    assert value("apiserver_current_inflight_requests", request_kind="mutating") == 0
    assert value("apiserver_resource_objects", group="", resource="configmaps") >= 1
    assert value("apiserver_storage_objects", resource="deployments.apps") == 0
    assert value("process_resident_memory_bytes") > 0
    assert "apiserver_longrunning_requests" in text
