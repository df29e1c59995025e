"""A server's certificate and key from files that may be replaced while the server runs."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

#: As upstream's dynamic certificates: a renewed one serves within a minute.
RELOAD_SECONDS: Final = 60.0


class ServingCertificate:
    """Keeps a server's TLS context at the certificate and the key of two files.

    Connections that exist keep the certificate that they began with.
    """

    def __init__(self, context: ssl.SSLContext, certificate: str, key: str) -> None:
        """Load the files. Raise OSError or ssl.SSLError if they are no certificate with its key."""
        self._context = context
        self._files = (Path(certificate), Path(key))
        context.load_cert_chain(*self._files)
        self._loaded = self._read_times()

    def reload_if_changed(self) -> bool:
        """Load the files if they changed; return whether new ones serve.

        Files that do not load are logged, and the server keeps what it has: the two files are replaced one
        after the other, so that they may belong together at the next call.
        """
        try:
            times = self._read_times()
            if times == self._loaded:
                return False
            # A pair that does not belong together would leave the server's context without its key.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self._context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            log.warning("loading the renewed certificate %s, trying again: %s", self._files[0], error)
            return False
        self._loaded = times
        log.info("serving with the renewed certificate %s", self._files[0])
        return True

    async def watch(self) -> None:
        """Reload the files when they change, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self.reload_if_changed()

    def _read_times(self) -> list[int]:
        return [file.stat().st_mtime_ns for file in self._files]
