"""--encryption-provider-config-automatic-reload: check the file every minute.

Source: apiserver/pkg/server/options/encryptionconfig/controller.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from kprov.kube.apiserver import configuration as files
from kprov.kube.apiserver.storage.encryption import configuration
from kprov.kube.apiserver.storage.encryption.storage import EncryptedStorage
from kprov.kube.component_base import metrics

log = logging.getLogger(__name__)

SECONDS: Final = 60.0
_RELOADS: Final = metrics.counter(
    "apiserver_encryption_config_controller_automatic_reloads_total",
    "Total number of reload successes and failures of encryption configuration split by apiserver identity.",
    ["status"],
)
_LAST: Final = metrics.gauge(
    "apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds",
    "Timestamp of the last successful or failed automatic reload of encryption configuration split by "
    "apiserver identity.",
    ["status"],
)


class Reloader:
    """Uses a changed file. Logs an invalid one and keeps the old providers."""

    def __init__(self, path: str, storage: EncryptedStorage, again: Callable[[], Awaitable[None]]) -> None:
        """again: called when new providers are in use, to read values that could not be decrypted before."""
        self._path = path
        self._storage = storage
        self._again = again
        self._seen = _digest(path)

    async def run(self, seconds: float = SECONDS) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.reload()

    async def reload(self) -> None:
        """Read the file and use it if it changed."""
        try:
            data = Path(self._path).read_bytes()  # noqa: ASYNC240 - a small local file
            digest = hashlib.sha256(data).digest()
            if digest == self._seen:
                return
            document = files.parse(configuration.FILE, self._path, data)
            self._storage.set_transformers(configuration.build(document, self._path))
        except (OSError, files.ConfigError) as error:
            log.error("the encryption configuration was not reloaded: %s", error)  # noqa: TRY400  the message is enough
            self._count("failure")
            return
        self._seen = digest
        self._count("success")
        log.info("new encryption configuration of %s in use", self._path)
        await self._again()

    def _count(self, status: str) -> None:
        _RELOADS.labels(status).inc()
        _LAST.labels(status).set_to_current_time()


def _digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
