"""A gRPC stream of watches to a member."""

from __future__ import annotations

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.component_base.rpc import channel


class Stream:
    """Write requests and iterate over responses. Both raise RpcError, CANCELLED after `cancel`."""

    def __init__(self, stream: channel.Stream) -> None:
        self._stream = stream

    async def write(self, request: pb.WatchRequest) -> None:
        """Send a watch request."""
        await self._stream.write(request.SerializeToString())

    def cancel(self) -> None:
        """End the stream immediately."""
        self._stream.cancel()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> pb.WatchResponse:
        return pb.WatchResponse.FromString(await anext(self._stream))
