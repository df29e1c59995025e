"""The listener's TLS: serving certificate, optional client certificates."""

from __future__ import annotations

import logging
import ssl
from argparse import Namespace
from pathlib import Path

log = logging.getLogger(__name__)


class ServingTls:
    """An SSL context that follows its files: a renewed certificate needs no restart."""

    def __init__(self, options: Namespace) -> None:
        self._certificate, self._key = options.tls_cert_file, options.tls_private_key_file
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = (
            ssl.TLSVersion.TLSv1_3 if options.tls_min_version == "VersionTLS13" else ssl.TLSVersion.TLSv1_2
        )
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.load_cert_chain(self._certificate, self._key)
        for authority in {options.client_ca_file, options.requestheader_client_ca_file} - {""}:
            self.context.load_verify_locations(authority)
            self.context.verify_mode = ssl.CERT_OPTIONAL
        self._seen = self._stamps()

    def reload_if_changed(self) -> None:
        """Take the files again when they are others than before; a broken pair is left alone and logged."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        try:
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, ssl.SSLError) as error:
            log.warning("cannot take the new serving certificate: %s", error)
            return
        self._seen = stamps
        log.info("serving with the new certificate of %s", self._certificate)

    def _stamps(self) -> list[float]:
        try:
            return [Path(path).stat().st_mtime for path in (self._certificate, self._key)]
        except OSError:
            return []
