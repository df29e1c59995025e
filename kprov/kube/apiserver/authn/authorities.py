"""A file of certificate authorities that is reloaded when it changes.

Source: apiserver/pkg/server/dynamiccertificates (DynamicFileCAContent).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from cryptography import x509

log = logging.getLogger(__name__)

#: Seconds between checks of the files of authorities and certificates.
SECONDS: Final = 1.0


class AuthorityFile:
    """The certificates of a PEM file; none for an empty path. An invalid file leaves the old ones in use."""

    def __init__(self, path: str) -> None:
        """Raise OSError if the file cannot be read, ValueError if it has no certificate."""
        self._path = path
        self.pem = Path(path).read_bytes() if path else b""
        self.certificates = x509.load_pem_x509_certificates(self.pem) if path else []
        self._seen = self.pem

    def reload(self) -> bool:
        """Load the file if it changed; return whether new certificates are in use."""
        if not self._path:
            return False
        try:
            pem = Path(self._path).read_bytes()
        except OSError as error:
            log.warning("cannot read the authorities of %s: %s", self._path, error)
            return False
        if pem == self._seen:
            return False
        self._seen = pem
        try:
            certificates = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            log.warning("cannot take the new authorities of %s: %s", self._path, error)
            return False
        self.pem, self.certificates = pem, certificates
        log.info("new authorities of %s in use", self._path)
        return True
