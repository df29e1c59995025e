"""Leases for what expires: one is shared by many keys, since each costs etcd as much as a write.

Source: apiserver/pkg/storage/etcd3/lease_manager.go.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client

#: A lease is shared by what is written within this part of its time, and at most so many seconds.
_SHARED_PART: Final = 0.05
_SHARED_SECONDS: Final = 60
#: All keys of a lease end in one revision: so many at once are no burden.
_KEYS: Final = 1000


@dataclass(slots=True)
class _Lease:
    id: int
    #: Until then (monotonic seconds) it lasts long enough for a key that is written now.
    until: float
    keys: int = 0


class Leases:
    """The newest lease of each time to live."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._newest: dict[int, _Lease] = {}
        self._lock = asyncio.Lock()

    async def get(self, ttl: int) -> int:
        """A lease that lasts at least `ttl` seconds and little longer; 0 for ever.

        Raises UnavailableError, RpcError.
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
