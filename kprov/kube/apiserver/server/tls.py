"""TLS of the listener: the serving certificate and optional client certificates."""

from __future__ import annotations

import logging
import ssl
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kprov.kube.apiserver.authn.authorities import AuthorityFile
from kprov.kube.component_base.http11.handshake import Context

log = logging.getLogger(__name__)

#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME; Python has no constant for it.
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
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


def parse_minimum_version(name: str) -> ssl.TLSVersion:
    """The version of --tls-min-version. Raise ValueError for an unknown one or one below TLS 1.2."""
    if name not in _VERSIONS:
        raise ValueError(f'--tls-min-version: unknown tls version "{name}", known are {", ".join(_VERSIONS)}')
    return _VERSIONS[name]


def select_ciphers(names: Sequence[str]) -> list[str]:
    """OpenSSL's names for --tls-cipher-suites, in Go's order.

    Without names all suites, [] if all names are of TLS 1.3. Raise ValueError for an unknown or unsafe suite.
    """
    for name in names:
        if name not in _SUITES and name not in _SUITES_13:
            raise ValueError(f"--tls-cipher-suites: Cipher suite {name} not supported or doesn't exist")
    return [*dict.fromkeys(ours for name, ours in _SUITES.items() if not names or name in names)]


class ServingTls:
    """An SSL context that reloads changed files, so that a renewed certificate needs no restart."""

    def __init__(self, options: Namespace) -> None:
        self._certificate, self._key = options.tls_cert_file, options.tls_private_key_file
        self.context = Context(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = parse_minimum_version(options.tls_min_version)
        names = select_ciphers(options.tls_cipher_suites)
        if names:
            self.context.set_ciphers(":".join(names))
        else:
            self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["http/1.1"])
        # Session tickets add a tenth to the cost of a handshake, each worker accepts only its own, and
        # neither client-go nor kubectl stores them.
        self.context.num_tickets = 0
        self.context.options |= ssl.OP_NO_TICKET
        self.context.load_cert_chain(self._certificate, self._key)
        paths = {options.client_ca_file, options.requestheader_client_ca_file} - {""}
        self._authorities = [AuthorityFile(path) for path in paths]
        for authority in self._authorities:
            self.context.load_verify_locations(cadata=authority.pem.decode("ascii", "ignore"))
            self.context.verify_mode = ssl.CERT_OPTIONAL
        # An expired client certificate must not end the handshake: the request may have other credentials.
        # As in Go, an authority does not have to be a root.
        self.context.verify_flags |= _NO_CHECK_TIME | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        self._seen = self._read_mtimes()

    def reload_if_changed(self) -> None:
        """Load the files again if they changed. Log a pair that does not load and keep the old one.

        OpenSSL cannot remove an authority from a context. Certificates of removed authorities pass the
        handshake, and the authenticator rejects them.
        """
        for authority in self._authorities:
            if authority.reload():
                self.context.load_verify_locations(cadata=authority.pem.decode("ascii", "ignore"))
        stamps = self._read_mtimes()
        if stamps == self._seen:
            return
        try:
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, ssl.SSLError) as error:
            log.warning("cannot take the new serving certificate: %s", error)
            return
        self._seen = stamps
        log.info("serving with the new certificate of %s", self._certificate)

    def _read_mtimes(self) -> list[float]:
        try:
            return [Path(path).stat().st_mtime for path in (self._certificate, self._key)]
        except OSError:
            return []
