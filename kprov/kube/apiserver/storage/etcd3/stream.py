"""A stream of watches to a member."""

from __future__ import annotations

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.component_base.rpc import channel


class Stream:
    """`write`, iterate, `cancel`; all raise RpcError, CANCELLED once it is cancelled."""

    def __init__(self, stream: channel.Stream) -> None:
        self._stream = stream

    async def write(self, request: pb.WatchRequest) -> None:
        """Send what is to be watched."""
        await self._stream.write(request.SerializeToString())

    def cancel(self) -> None:
        """End it at once."""
        self._stream.cancel()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> pb.WatchResponse:
        return pb.WatchResponse.FromString(await anext(self._stream))
