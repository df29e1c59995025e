"""Responds to queries: from the zone, from upstream servers, or with a failure."""

import logging
from collections import OrderedDict
from typing import Any

from kprov.kube.component_base import metrics
from kprov.kube.dns import message
from kprov.kube.dns.forwarder import Forwarder
from kprov.kube.dns.message import FormatError, Question
from kprov.kube.dns.zone import Answer, Zone

log = logging.getLogger(__name__)

_CACHE_ENTRIES = 20_000
# Reverse names that are not in the cluster are forwarded (CoreDNS's fallthrough).
_REVERSE = (".in-addr.arpa", ".ip6.arpa")
_REQUESTS = metrics.counter("coredns_dns_requests", "DNS requests", ["proto"])
_RESPONSES = metrics.counter("coredns_dns_responses", "DNS responses", ["rcode"])


class Resolver:
    """Until `ready` (the zone is filled), names of the zone get SERVFAIL and not NXDOMAIN."""

    def __init__(self, zone: Zone, forwarder: Forwarder) -> None:
        self._zone = zone
        self._forwarder = forwarder
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._cache_version = -1
        self._udp_requests = _REQUESTS.labels(proto="udp")
        self._tcp_requests = _REQUESTS.labels(proto="tcp")
        self.ready = False

    def get_cached(self, data: bytes) -> bytes | None:
        """Return the UDP response to the same query, as long as the zone has not changed.

        Only the id differs.
        """
        if self._cache_version != self._zone.version:
            self._cache.clear()
            self._cache_version = self._zone.version
            return None
        cached = self._cache.get(data[2:])
        if cached is None:
            return None
        self._udp_requests.inc()
        return data[:2] + cached

    async def respond(self, data: bytes, *, tcp: bool) -> bytes | None:
        """Return the response. None for a malformed query, which gets none."""
        (self._tcp_requests if tcp else self._udp_requests).inc()
        try:
            question = message.parse(data)
        except FormatError:
            return None
        reply = self._resolve_locally(question)
        if reply is None:
            try:
                return await self._forward(data, tcp=tcp)
            except OSError as error:
                log.warning("%s %s: %s", question.type, question.name, error)
                return bytes(message.make_failure(question, "SERVFAIL").pack())
        _RESPONSES.labels(rcode=str(reply.header.rcode)).inc()
        if tcp:
            return bytes(reply.pack())
        packed = message.pack_udp(reply, question)
        if self.ready and self._cache_version == self._zone.version and len(self._cache) < _CACHE_ENTRIES:
            self._cache[data[2:]] = packed[2:]
        return packed

    async def _forward(self, data: bytes, *, tcp: bool) -> bytes:
        """Forward over the client's protocol. Servers that refuse TCP may still respond over UDP."""
        if tcp:
            try:
                return await self._forwarder.forward(data, tcp=True)
            except OSError as error:
                log.info("forwarding over UDP, TCP failed: %s", error)
        return await self._forwarder.forward(data)

    def _resolve_locally(self, question: Question) -> Any:
        """Return a response from the zone. None if the name is not in it."""
        zone = self._zone
        if zone.owns(question.name):
            if not self.ready:
                return message.make_failure(question, "SERVFAIL")
            respond = zone.lookup(question.name, question.type)
            return message.make_authoritative_reply(question, respond, zone.domain, zone.version)
        if question.name.endswith(_REVERSE):
            respond = zone.lookup_reverse(question.name)
            if respond.exists:
                wanted = respond if question.type in {"PTR", "ANY"} else Answer(True)
                return message.make_authoritative_reply(question, wanted, zone.domain, zone.version)
        return None
