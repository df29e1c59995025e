"""Calls to an etcd cluster over gRPC, with failover between its members.

The client uses one member at a time. If a member does not answer a call in time or has no leader, all calls
and watches move to the next member, so a lost machine costs less than a second. Keepalive pings would not be
as fast: etcd closes connections that send them more often than every five seconds.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.stream import Stream
from kprov.kube.apiserver.storage.interface import UnavailableError
from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.status import Code, RpcError

log = logging.getLogger(__name__)

#: The timeout of one member in seconds, and that of the whole call.
ATTEMPT_SECONDS: Final = 0.7
CALL_SECONDS: Final = 7.0
#: etcd's message for a timeout, which upstream's API servers pass on.
TIMED_OUT: Final = "etcdserver: request timed out"
_RETRY_PAUSE: Final = 0.05
_TELL_SECONDS: Final = 1.0
_RETRIED: Final = frozenset(
    {
        Code.UNAVAILABLE,
        Code.DEADLINE_EXCEEDED,
        Code.CANCELLED,
        Code.UNKNOWN,
        Code.INTERNAL,
    }
)
_METHODS: Final[dict[str, tuple[str, Any]]] = {
    "range": ("/etcdserverpb.KV/Range", pb.RangeResponse),
    "txn": ("/etcdserverpb.KV/Txn", pb.TxnResponse),
    "compact": ("/etcdserverpb.KV/Compact", pb.CompactionResponse),
    "status": ("/etcdserverpb.Maintenance/Status", pb.StatusResponse),
    "lease_grant": ("/etcdserverpb.Lease/LeaseGrant", pb.LeaseGrantResponse),
}
_WATCH: Final = "/etcdserverpb.Watch/Watch"

Again = Callable[[float], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files. No TLS if all are empty."""

    ca: str = ""
    certificate: str = ""
    key: str = ""


class Member:
    """The gRPC channel of one member."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        self.url = url
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        self.channel = Channel(
            parts.hostname or "", parts.port or (443 if tls else 80), context if tls else None
        )
        self._calls = {
            name: (self.channel.encode_method(path), response) for name, (path, response) in _METHODS.items()
        }

    async def call(self, method: str, request: Any, seconds: float) -> Any:
        """Send a request and return the response. Raise RpcError."""
        begin, response = self._calls[method]
        answer = await self.channel.call_unary(begin, request.SerializeToString(), timeout=seconds)
        return response.FromString(answer)

    def watch(self, metadata: tuple[tuple[str, str], ...] = ()) -> Stream:
        """Open a stream of watches. It starts with its first message."""
        return Stream(self.channel.open_stream(self.channel.encode_method(_WATCH, metadata)))


class Client:
    """A cluster by the URLs of its members ("https://10.0.0.1:2379")."""

    def __init__(self, urls: Sequence[str], tls: TlsFiles) -> None:
        context = _build_context(tls) if any(url.startswith("https://") for url in urls) else None
        self._members = [Member(url, context) for url in urls]
        self._current = 0
        self._told = -_TELL_SECONDS
        #: The newest revision in any response.
        self.revision = 0
        #: Set and replaced when the member changes. Watches wait for it.
        self.moved = asyncio.Event()

    @property
    def member(self) -> Member:
        return self._members[self._current]

    def switch_member(self, member: Member, reason: str) -> None:
        """Use the next member, unless the client has already left this one."""
        if member is not self.member:
            return
        if len(self._members) > 1:
            self._current = (self._current + 1) % len(self._members)
            # Without a leader the client tries all members repeatedly.
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
        """Return the response, and whether the request was sent more than once, perhaps with effect.

        again: builds the next request, given the remaining seconds (default: the same request).
        Raise UnavailableError after `seconds`, RpcError if etcd rejects the request.
        """
        end = time.monotonic() + seconds
        attempts = 0
        while (left := end - time.monotonic()) > 0:
            member = self.member
            # A single member gets the whole time.
            patience = ATTEMPT_SECONDS * (1 + attempts) if len(self._members) > 1 else left
            try:
                answer = await member.call(method, request, min(left, patience))
            except RpcError as error:
                if error.code not in _RETRIED:
                    raise
                attempts += 1
                self.switch_member(member, error.details or error.code.name)
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


def _build_context(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context
