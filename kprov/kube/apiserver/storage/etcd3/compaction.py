"""Compaction of old revisions by one of the API servers.

The coordination key is upstream's, so that API servers of upstream can share the etcd.
Source: apiserver/pkg/storage/etcd3/compact.go.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from kprov.kube.apiserver.storage.interface import StorageError

log = logging.getLogger(__name__)

_KEY: Final = "compact_rev_key"


async def run(storage: Etcd3, interval: float) -> None:
    """Every `interval` seconds compact to the revision of the last round, unless another server did."""
    version, revision = 0, 0
    while interval > 0:
        await asyncio.sleep(interval)
        try:
            won, version, current = await storage.write_if_version(_KEY, version, str(revision).encode())
            if won and revision:
                await storage.compact(revision)
                log.info("compacted etcd to revision %d", revision)
            revision = current
        except StorageError as error:
            log.warning("etcd was not compacted: %s", error)
