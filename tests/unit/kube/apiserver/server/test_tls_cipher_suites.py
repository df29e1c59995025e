"""Which suites of TLS 1.2 are offered, and in which order: Go's."""

from __future__ import annotations

import ssl
from argparse import Namespace
from pathlib import Path

import pytest

from kprov.kube.apiserver.server.tls import ServingTls
from tests.apiserver.servers import Authority


def offered(folder: Path, *suites: str) -> tuple[ssl.TLSVersion, list[str]]:
    certificate, key = Authority(folder, "ca").issue("serving", "server", serves=True)
    options = Namespace(
        tls_cert_file=str(certificate), tls_private_key_file=str(key), tls_min_version="VersionTLS12",
        tls_cipher_suites=list(suites), client_ca_file="", requestheader_client_ca_file="",
    )  # fmt: skip
    context = ServingTls(options).context
    found = [each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    return context.minimum_version, found


def test_without_a_flag_gos_suites_are_offered(tmp_path: Path) -> None:
    version, suites = offered(tmp_path)
    assert version == ssl.TLSVersion.TLSv1_2
    assert suites == [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
    ]


def test_the_order_of_the_flag_does_not_matter(tmp_path: Path) -> None:
    named = ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    _, suites = offered(tmp_path, *named)
    assert suites == ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]


def test_suites_of_tls_1_3_alone_leave_no_other_version(tmp_path: Path) -> None:
    version, _ = offered(tmp_path, "TLS_AES_128_GCM_SHA256")
    assert version == ssl.TLSVersion.TLSv1_3


def test_an_unsafe_suite_is_rejected(tmp_path: Path) -> None:
    text = "--tls-cipher-suites: Cipher suite TLS_RSA_WITH_RC4_128_SHA not supported or doesn't exist"
    with pytest.raises(ValueError, match=text):
        offered(tmp_path, "TLS_RSA_WITH_RC4_128_SHA")
