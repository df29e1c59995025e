"""A renewed certificate serves without a restart, and a pair that does not belong together never does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from kprov.kube.component_base import serving_certificate
from kprov.kube.component_base.serving import HealthServer
from tests.certificates import Issuer

_PEM = serialization.Encoding.PEM


@dataclass
class Files:
    """A certificate and its key on disk."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "serving.crt"

    @property
    def key(self) -> Path:
        return self.folder / "serving.key"

    def renew(self, issuer: Issuer, name: str, *, key: bool = True) -> None:
        """Issue a certificate for a name; with `key=False` the old key stays on disk."""
        certificate, private = issuer.issued(name, serves=True)
        self.certificate.write_bytes(certificate.public_bytes(_PEM))
        if key:
            form = serialization.PrivateFormat.PKCS8
            self.key.write_bytes(private.private_bytes(_PEM, form, serialization.NoEncryption()))


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("ca")


@pytest.fixture
def files(tmp_path: Path, issuer: Issuer) -> Files:
    files = Files(tmp_path)
    files.renew(issuer, "first")
    return files


@pytest.fixture
async def server(files: Files, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HealthServer]:
    monkeypatch.setattr(serving_certificate, "RELOAD_SECONDS", 0.01)
    server = HealthServer(
        address="127.0.0.1",
        port=0,
        tls_cert_file=str(files.certificate),
        tls_private_key_file=str(files.key),
    )
    await server.start()
    yield server
    await server.stop()


async def read_served_name(server: HealthServer) -> str:
    """Return the common name of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
    certificate = x509.load_der_x509_certificate(
        writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    )
    writer.close()
    (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(name.value)


async def wait_for_name(server: HealthServer, name: str) -> None:
    async with asyncio.timeout(5):
        while await read_served_name(server) != name:  # noqa: ASYNC110  nothing else shows the certificate
            await asyncio.sleep(0.01)


async def wait_for_another_try(caplog: pytest.LogCaptureFixture) -> None:
    async with asyncio.timeout(5):
        while "trying again" not in caplog.text:  # noqa: ASYNC110  the log is all that shows it
            await asyncio.sleep(0.01)


async def test_a_renewed_certificate_serves_new_connections(
    server: HealthServer, files: Files, issuer: Issuer
) -> None:
    assert await read_served_name(server) == "first"
    files.renew(issuer, "second")
    await wait_for_name(server, "second")


async def test_the_old_certificate_serves_until_certificate_and_key_belong_together(
    server: HealthServer, files: Files, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    files.renew(issuer, "half", key=False)
    await wait_for_another_try(caplog)
    assert await read_served_name(server) == "first"
    files.renew(issuer, "whole")
    await wait_for_name(server, "whole")


async def test_the_old_certificate_serves_while_a_file_is_missing(
    server: HealthServer, files: Files, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    files.certificate.unlink()
    await wait_for_another_try(caplog)
    assert await read_served_name(server) == "first"
    files.renew(issuer, "back")
    await wait_for_name(server, "back")
