"""DNS messages on the wire (RFC 1035, EDNS RFC 6891), encoded by dnslib."""

from typing import Any, NamedTuple

import dnslib

from kprov.kube.dns.records import Record
from kprov.kube.dns.zone import Answer

TTL = 5
_UDP_PLAIN = 512
# Larger packets may be fragmented (DNS flag day 2020).
_UDP_MAX = 1232
_DATA = {
    "A": dnslib.A,
    "AAAA": dnslib.AAAA,
    "CNAME": dnslib.CNAME,
    "PTR": dnslib.PTR,
    "TXT": dnslib.TXT,
}


class Question(NamedTuple):
    """`name` in lower case without the final dot. `payload`: the largest UDP response in bytes."""

    id: int
    name: str
    type: str
    record: Any
    edns: bool
    payload: int


class FormatError(Exception):
    """Not a valid query (RFC 1035, RCODE 1)."""


def parse(data: bytes) -> Question:
    """Raise Malformed: not a message, an answer, or not exactly one question."""
    try:
        record = dnslib.DNSRecord.parse(data)
    except (dnslib.DNSError, ValueError, IndexError) as error:
        raise FormatError(str(error)) from error
    if record.header.qr or len(record.questions) != 1:
        raise FormatError("not one question")
    name = str(record.q.qname).rstrip(".").lower()
    option = next((entry for entry in record.ar if entry.rtype == dnslib.QTYPE.OPT), None)
    payload = max(_UDP_PLAIN, min(int(option.rclass), _UDP_MAX)) if option else _UDP_PLAIN
    kind = dnslib.QTYPE.forward.get(record.q.qtype, f"TYPE{record.q.qtype}")
    return Question(record.header.id, name, kind, record, option is not None, payload)


def make_authoritative_reply(question: Question, answer: Answer, domain: str, serial: int) -> Any:
    """Return a response of the cluster's zone. With an SOA if there is no record (RFC 2308)."""
    reply = _make_reply(question)
    reply.header.aa = 1
    for name, record in answer.records:
        reply.add_answer(_make_resource_record(name, record))
    for name, record in answer.additional:
        reply.add_ar(_make_resource_record(name, record))
    if not answer.exists:
        reply.header.rcode = dnslib.RCODE.NXDOMAIN
    if not answer.records:
        times = (serial, 7200, 1800, 86400, TTL)
        soa = dnslib.SOA(f"ns.dns.{domain}", f"hostmaster.{domain}", times)
        reply.add_auth(dnslib.RR(domain, dnslib.QTYPE.SOA, rdata=soa, ttl=TTL))
    return reply


def make_failure(question: Question, rcode: str) -> Any:
    reply = _make_reply(question)
    reply.header.rcode = getattr(dnslib.RCODE, rcode)
    return reply


def pack_udp(reply: Any, question: Question) -> bytes:
    """Encode a response. One longer than `payload` is empty with the TC bit: the client retries over TCP."""
    data = bytes(reply.pack())
    if len(data) <= question.payload:
        return data
    short = _make_reply(question)
    short.header.rcode, short.header.aa, short.header.tc = reply.header.rcode, reply.header.aa, 1
    return bytes(short.pack())


def _make_reply(question: Question) -> Any:
    reply = question.record.reply(ra=1, aa=0)
    if question.edns:
        reply.add_ar(dnslib.EDNS0(udp_len=_UDP_MAX))
    return reply


def _make_resource_record(name: str, record: Record) -> Any:
    kind = getattr(dnslib.QTYPE, record.type)
    if record.type == "SRV":
        priority, weight, port, target = record.data.split(" ")
        data: Any = dnslib.SRV(int(priority), int(weight), int(port), target)
    else:
        data = _DATA[record.type](record.data)
    return dnslib.RR(name, kind, rdata=data, ttl=TTL)
