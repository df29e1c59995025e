"""Calls to an etcd cluster over gRPC, with failover between its members.

One member is used at a time. A call that a member does not answer in time, or refuses because it has no
leader, moves everything, watches too, to the next member: a lost machine costs less than a second. gRPC's own
keepalive could not see it as fast: etcd closes connections that ping more often than every five seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.stream import Stream
from kprov.kube.apiserver.storage.interface import UnavailableError

log = logging.getLogger(__name__)

#: Seconds one member gets to answer before the next is asked, and the whole call.
ATTEMPT_SECONDS: Final = 0.7
CALL_SECONDS: Final = 7.0
#: What etcd says then, and upstream's API servers after it.
TIMED_OUT: Final = "etcdserver: request timed out"
_RETRY_PAUSE: Final = 0.05
_TELL_SECONDS: Final = 1.0
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Proxies are for the internet, not for the own database.
    ("grpc.enable_http_proxy", 0),
)
_RETRIED: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)
_METHODS: Final[dict[str, tuple[str, Any, Any]]] = {
    "range": ("/etcdserverpb.KV/Range", pb.RangeRequest, pb.RangeResponse),
    "txn": ("/etcdserverpb.KV/Txn", pb.TxnRequest, pb.TxnResponse),
    "compact": ("/etcdserverpb.KV/Compact", pb.CompactionRequest, pb.CompactionResponse),
    "lease_grant": ("/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantRequest, pb.LeaseGrantResponse),
}

Again = Callable[[float], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; all empty: no TLS."""

    ca: str = ""
    certificate: str = ""
    key: str = ""


class Member:
    """One member's channel and its callables."""

    def __init__(self, url: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.url = url
        target = url.split("://", 1)[-1].rstrip("/")
        if url.startswith("https://"):
            self.channel = grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        else:
            self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self.calls: dict[str, Any] = {
            name: self.channel.unary_unary(path, request.SerializeToString, response.FromString)
            for name, (path, request, response) in _METHODS.items()
        }
        self._watch = self.channel.stream_stream(
            "/etcdserverpb.Watch/Watch", pb.WatchRequest.SerializeToString, pb.WatchResponse.FromString
        )

    def watch(self, metadata: tuple[tuple[str, str], ...] = ()) -> Stream:
        return Stream(self._watch(metadata=metadata))


class Client:
    """A cluster, by its members' URLs ("https://10.0.0.1:2379")."""

    def __init__(self, urls: Sequence[str], tls: TlsFiles) -> None:
        credentials = _credentials(tls) if any(url.startswith("https://") for url in urls) else None
        self._members = [Member(url, credentials) for url in urls]
        self._current = 0
        self._told = -_TELL_SECONDS
        #: The newest revision that any answer has told of.
        self.revision = 0
        #: Replaced (and the old one set) when another member is chosen; watches wait for it.
        self.moved = asyncio.Event()

    @property
    def member(self) -> Member:
        return self._members[self._current]

    def move_from(self, member: Member, reason: str) -> None:
        """Use the next member, unless that has happened already."""
        if member is not self.member:
            return
        if len(self._members) > 1:
            self._current = (self._current + 1) % len(self._members)
            # Without a leader all members are tried again and again.
            seldom = time.monotonic() - self._told > _TELL_SECONDS
            log.log(
                logging.WARNING if seldom else logging.DEBUG,
                "etcd member %s: %s; going on with %s", member.url, reason, self.member.url,
            )  # fmt: skip
            if seldom:
                self._told = time.monotonic()
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()

    async def call(
        self, method: str, request: Any, *, seconds: float = CALL_SECONDS, again: Again | None = None
    ) -> tuple[Any, bool]:
        """The answer, and whether the call was sent more than once (so an earlier one may have had effect).

        again: given the seconds that are left, gives what to send the next time (default: the same).

        Raises UnavailableError after `seconds`, and grpc.aio.AioRpcError for what etcd refuses.
        """
        end = time.monotonic() + seconds
        attempts = 0
        while (left := end - time.monotonic()) > 0:
            member = self.member
            # One member alone gets all the time: there is no other to ask.
            patience = ATTEMPT_SECONDS * (1 + attempts) if len(self._members) > 1 else left
            try:
                answer = await member.calls[method](request, timeout=min(left, patience))
            except grpc.aio.AioRpcError as error:
                if error.code() not in _RETRIED:
                    raise
                attempts += 1
                self.move_from(member, error.details() or error.code().name)
                if attempts % len(self._members) == 0:
                    await asyncio.sleep(min(_RETRY_PAUSE * attempts, 0.5))
                if again is not None and end > time.monotonic():
                    request = await again(end - time.monotonic())
            else:
                self.revision = max(self.revision, answer.header.revision)
                return answer, attempts > 0
        raise UnavailableError(TIMED_OUT, ambiguous=True)

    async def close(self) -> None:
        for member in self._members:
            await member.channel.close()


def _credentials(tls: TlsFiles) -> grpc.ChannelCredentials:
    def read(path: str) -> bytes | None:
        return Path(path).read_bytes() if path else None

    return grpc.ssl_channel_credentials(read(tls.ca), read(tls.key), read(tls.certificate))
