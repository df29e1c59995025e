"""The health check of etcd, for /livez and /readyz.

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
    """Checks at most twice in the timeout. More frequent calls get the last result."""

    def __init__(self, storage: Storage, seconds: float = SECONDS) -> None:
        self._storage = storage
        self._seconds = seconds
        self._last: str | None = "etcd client connection not yet established"
        self._asked = -seconds

    async def __call__(self) -> str | None:
        """None if etcd answers, else the reason."""
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
