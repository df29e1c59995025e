"""The TLS version and the cipher suites of a listener, by Go's names."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

from kprov.kube.component_base.http11.handshake import Context

_VERSIONS: Final = {"VersionTLS12": ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3}
#: TLS 1.2 suites by Go's name with OpenSSL's name, in Go's order of preference. TLS 1.3 suites are always on.
_SUITES: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_SUITES_13: Final = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
}


def set_minimum_version(context: ssl.SSLContext, name: str, field: str) -> None:
    """Set the oldest version; "" stands for TLS 1.2. Raise ValueError, with the field, for any other name."""
    if name and name not in _VERSIONS:
        raise ValueError(f'{field}: unknown tls version "{name}", known are {", ".join(_VERSIONS)}')
    context.minimum_version = _VERSIONS[name or "VersionTLS12"]


def set_cipher_suites(context: ssl.SSLContext, names: Sequence[str], field: str) -> None:
    """Set the suites, in Go's order; without names all of them. Raise ValueError, with the field.

    Names of TLS 1.3 alone leave no other version.
    """
    for name in names:
        if name not in _SUITES and name not in _SUITES_13:
            raise ValueError(f"{field}: Cipher suite {name} not supported or doesn't exist")
    selected = dict.fromkeys(ours for name, ours in _SUITES.items() if not names or name in names)
    if selected:
        context.set_ciphers(":".join(selected))
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3


def make_server_context(minimum: str, suites: Sequence[str]) -> ssl.SSLContext:
    """Return the context of a component's port with --tls-min-version and --tls-cipher-suites.

    Raise ValueError.
    """
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    set_minimum_version(context, minimum, "--tls-min-version")
    if suites:
        set_cipher_suites(context, suites, "--tls-cipher-suites")
    return context
