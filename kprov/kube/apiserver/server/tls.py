"""TLS of the listener: the serving certificate and optional client certificates."""

from __future__ import annotations

import ssl
from argparse import Namespace
from typing import Final

from kprov.kube.apiserver.authn.authorities import AuthorityFile
from kprov.kube.component_base.http11.handshake import Context
from kprov.kube.component_base.serving_certificate import ServingCertificate
from kprov.kube.component_base.tls_options import set_cipher_suites, set_minimum_version

#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME; Python has no constant for it.
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)


class ServingTls:
    """An SSL context that reloads changed files, so that a renewed certificate needs no restart."""

    def __init__(self, options: Namespace) -> None:
        self.context = Context(ssl.PROTOCOL_TLS_SERVER)
        set_minimum_version(self.context, options.tls_min_version, "--tls-min-version")
        set_cipher_suites(self.context, options.tls_cipher_suites, "--tls-cipher-suites")
        self.context.set_alpn_protocols(["http/1.1"])
        # Session tickets add a tenth to the cost of a handshake, each worker accepts only its own, and
        # neither client-go nor kubectl stores them.
        self.context.num_tickets = 0
        self.context.options |= ssl.OP_NO_TICKET
        self._certificate = ServingCertificate(
            self.context, options.tls_cert_file, options.tls_private_key_file
        )
        paths = {options.client_ca_file, options.requestheader_client_ca_file} - {""}
        self._authorities = [AuthorityFile(path) for path in paths]
        for authority in self._authorities:
            self.context.load_verify_locations(cadata=authority.pem.decode("ascii", "ignore"))
            self.context.verify_mode = ssl.CERT_OPTIONAL
        # An expired client certificate must not end the handshake: the request may have other credentials.
        # As in Go, an authority does not have to be a root.
        self.context.verify_flags |= _NO_CHECK_TIME | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN

    def reload_if_changed(self) -> None:
        """Load the files again if they changed. A pair that does not load is logged; the old one serves.

        OpenSSL cannot remove an authority from a context. Certificates of removed authorities pass the
        handshake, and the authenticator rejects them.
        """
        for authority in self._authorities:
            if authority.reload():
                self.context.load_verify_locations(cadata=authority.pem.decode("ascii", "ignore"))
        self._certificate.reload_if_changed()
