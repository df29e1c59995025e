"""Whether the database answers, for the named checks of /livez and /readyz.

Source: apiserver/pkg/storage/storagebackend/factory/etcd3.go, newETCD3Check.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from kprov.kube.apiserver.storage.interface import Storage, StorageError

#: Upstream's --etcd-healthcheck-timeout and --etcd-readycheck-timeout.
SECONDS: Final = 2.0


class StorageCheck:
    """Asks twice a timeout at most; who comes more often hears the last answer."""

    def __init__(self, storage: Storage, seconds: float = SECONDS) -> None:
        self._storage = storage
        self._seconds = seconds
        self._last: str | None = "etcd client connection not yet established"
        self._asked = -seconds

    async def __call__(self) -> str | None:
        """None: it answers; otherwise why not."""
        now = time.monotonic()
        if now - self._asked < self._seconds / 2:
            return self._last
        self._asked = now
        try:
            async with asyncio.timeout(self._seconds):
                await self._storage.current_revision()
        except TimeoutError:
            self._last = "error getting data from etcd: context deadline exceeded"
        except StorageError as error:
            self._last = f"error getting data from etcd: {error}"
        else:
            self._last = None
        return self._last
