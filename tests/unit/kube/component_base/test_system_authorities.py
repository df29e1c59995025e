"""A process that brings its own TLS contexts does not load the certificates of the system's authorities."""

from __future__ import annotations

import os
import ssl

import pytest

from kprov.kube.component_base.system_authorities import skip_system_authorities


def test_no_certificate_is_loaded_and_the_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/a/file")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with skip_system_authorities():
        context = ssl.create_default_context()
    assert not context.get_ca_certs()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert os.environ["SSL_CERT_FILE"] == "/a/file"
    assert "SSL_CERT_DIR" not in os.environ
