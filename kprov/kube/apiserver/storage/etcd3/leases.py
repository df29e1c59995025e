"""Leases of expiring keys. Many keys share one lease, because a lease costs etcd as much as a write.

Source: apiserver/pkg/storage/etcd3/lease_manager.go.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client

#: Keys share a lease for this part of its time to live, and at most for so many seconds.
_SHARED_PART: Final = 0.05
_SHARED_SECONDS: Final = 60
#: The maximum number of keys of a lease, which all expire in one revision.
_KEYS: Final = 1000


@dataclass(slots=True)
class _Lease:
    id: int
    #: Until when (monotonic seconds) the lease is long enough for new keys.
    until: float
    keys: int = 0


class Leases:
    """The newest lease for each time to live."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._newest: dict[int, _Lease] = {}
        self._lock = asyncio.Lock()

    async def get(self, ttl: int) -> int:
        """Return a lease that lasts at least `ttl` seconds and not much longer; 0 for no expiry.

        Raise UnavailableError, RpcError.
        """
        if not ttl:
            return 0
        async with self._lock:
            lease = self._newest.get(ttl)
            if lease is None or time.monotonic() > lease.until or lease.keys == _KEYS:
                shared = min(int(ttl * _SHARED_PART), _SHARED_SECONDS)
                asked = time.monotonic()
                answer, _ = await self._client.call("lease_grant", pb.LeaseGrantRequest(ttl=ttl + shared))
                lease = self._newest[ttl] = _Lease(int(answer.id), asked + shared)
            lease.keys += 1
            return lease.id
