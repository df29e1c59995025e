"""A fence against delayed creations: a retried creation must not happen again after the object is deleted.

An update or a deletion has the revision that it replaces, so a delayed duplicate fails. A creation only
requires that the key does not exist: a member that was suspended may forward it when that is true again.
"""

from __future__ import annotations

import uuid
from typing import Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client
from kprov.kube.apiserver.storage.etcd3.leases import Leases

#: Longer than a request can be delayed.
_SECONDS: Final = 3600


class Fence:
    """A key of this process. Creations require its version, which only changes after a lost response."""

    def __init__(self, client: Client, leases: Leases) -> None:
        self._client = client
        self._leases = leases
        self._key = f"kprov.io/fences/{uuid.uuid4()}".encode()
        self.version = 0
        #: The condition of a creation, and the request for the version, whose response `update` reads.
        self.condition = self._build_condition()
        self.query = pb.RequestOp(request_range=pb.RangeRequest(key=self._key))

    def _build_condition(self) -> pb.Compare:
        return pb.Compare(target=pb.Compare.VERSION, key=self._key, version=self.version)

    def update(self, answer: pb.ResponseOp) -> None:
        """Read the version from a response."""
        key_values = answer.response_range.kvs
        self.version = int(key_values[0].version) if key_values else 0
        self.condition = self._build_condition()

    async def raise_version(self, seconds: float) -> None:
        """Raise the version, so that pending creations fail. Raise UnavailableError, RpcError."""
        put = pb.PutRequest(key=self._key, lease=await self._leases.get(_SECONDS))
        request = pb.TxnRequest(success=[pb.RequestOp(request_put=put), self.query])
        answer, _ = await self._client.call("txn", request, seconds=seconds)
        self.update(answer.responses[1])
