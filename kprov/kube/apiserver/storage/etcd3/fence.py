"""What keeps a creation from happening late, when it was sent again meanwhile and the object has gone since.

A change or a deletion names the revision that it replaces, so an earlier try of it can do nothing any more. A
creation only says that nothing is there: a member that stood still may pass it on when that is so again.
"""

from __future__ import annotations

import uuid
from typing import Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client
from kprov.kube.apiserver.storage.etcd3.leases import Leases

#: Longer than a request can be on its way.
_SECONDS: Final = 3600


class Fence:
    """A key of this process that creations depend on: how often it was written, which is never as a rule."""

    def __init__(self, client: Client, leases: Leases) -> None:
        self._client = client
        self._leases = leases
        self._key = f"kprov.io/fences/{uuid.uuid4()}".encode()
        self._version = 0
        #: A condition that holds until the fence is raised; a question after it, whose answer is for `seen`.
        self.condition = self._build_condition()
        self.query = pb.RequestOp(request_range=pb.RangeRequest(key=self._key))

    def _build_condition(self) -> pb.Compare:
        return pb.Compare(target=pb.Compare.VERSION, key=self._key, version=self._version)

    def update(self, answer: pb.ResponseOp) -> bool:
        """Take note of how the fence stands; whether that was known."""
        found = answer.response_range.kvs
        version = int(found[0].version) if found else 0
        known, self._version = self._version == version, version
        self.condition = self._build_condition()
        return known

    async def raise_version(self, seconds: float) -> None:
        """Let nothing happen any more that depends on it as it stood. UnavailableError, RpcError."""
        put = pb.PutRequest(key=self._key, lease=await self._leases.get(_SECONDS))
        request = pb.TxnRequest(success=[pb.RequestOp(request_put=put), self.query])
        answer, _ = await self._client.call("txn", request, seconds=seconds)
        self.update(answer.responses[1])
