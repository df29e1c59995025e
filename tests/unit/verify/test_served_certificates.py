"""Certificates are read from the host that serves them, by a program that runs there."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from kprov.verify import backend
from kprov.verify.checks.certificates import Served, judge_served
from kprov.verify.model import VerifyHost
from tests.certificates import Issuer

HOST = VerifyHost("node1", "node1", "127.0.0.1", frozenset())


def run_here(line: str) -> tuple[int, str, str]:
    """Run a command on this machine, in the place of a host."""
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("ca", days=60)


@pytest.fixture
def port(issuer: Issuer, tmp_path: Path) -> Iterator[int]:
    """The port of a TLS server that asks its clients for certificates, as etcd does."""
    certificate, key = issuer.issued("server", serves=True, days=30)
    file = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.verify_mode = ssl.CERT_OPTIONAL

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        yield listener.getsockname()[1]
        server.join(timeout=10)


def test_a_served_certificate_is_judged_by_its_authority(issuer: Issuer, port: int) -> None:
    host = backend.testinfra_host("node1", run_here)
    authorities = {"ca": [issuer.certificate]}
    finding = next(
        judge_served(HOST, host, [Served("etcd serves", port, "ca")], authorities, datetime.now(UTC))
    )
    assert finding.ok, finding.detail
    assert finding.name == "etcd serves"


def test_a_certificate_of_another_authority_fails(port: int) -> None:
    host = backend.testinfra_host("node1", run_here)
    authorities = {"ca": [Issuer("other").certificate]}
    finding = next(
        judge_served(HOST, host, [Served("etcd serves", port, "ca")], authorities, datetime.now(UTC))
    )
    assert finding.detail == "not issued by this cluster's ca"


def test_a_port_without_a_server_is_named(issuer: Issuer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    host = backend.testinfra_host("node1", run_here)
    served = [Served("kubelet serves", free, "ca")]
    finding = next(judge_served(HOST, host, served, {"ca": [issuer.certificate]}, datetime.now(UTC)))
    assert not finding.ok
    assert finding.starting
    assert f"no TLS on 127.0.0.1:{free}" in finding.detail
    assert "refused" in finding.detail


@pytest.mark.parametrize(
    ("addresses", "detail"),
    [
        (("127.0.0.1",), ""),
        (("127.0.0.1", "192.0.2.1", "192.0.2.2"), "does not name 192.0.2.1, 192.0.2.2, renew it: kprov up"),
    ],
)
def test_a_certificate_must_name_the_addresses_at_which_clients_connect(
    issuer: Issuer, port: int, addresses: tuple[str, ...], detail: str
) -> None:
    host = backend.testinfra_host("node1", run_here)
    served = [Served("API server serves", port, "ca", addresses)]
    finding = next(judge_served(HOST, host, served, {"ca": [issuer.certificate]}, datetime.now(UTC)))
    assert (finding.ok, finding.detail.endswith(detail)) == (not detail, True)
