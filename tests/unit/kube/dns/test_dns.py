import asyncio

import dnslib
import msgspec
import pytest

from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.dns import message, records
from kprov.kube.dns.forwarder import Forwarder, get_cache_seconds
from kprov.kube.dns.resolver import Resolver
from kprov.kube.dns.server import DnsServer
from kprov.kube.dns.zone import Zone
from tests.builders.services import view_service

DOMAIN = "cluster.local"


WEB = view_service(
    "web", clusterIP="10.233.0.10", clusterIPs=["10.233.0.10"], ports=[{"name": "http", "port": 80}]
)
DB = view_service("db", clusterIP="None", clusterIPs=["None"])
DB_SLICE = msgspec.convert(
    {
        "metadata": {"namespace": "shop", "name": "db-1"},
        "addressType": "IPv4",
        "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
        "endpoints": [
            {"addresses": ["10.233.64.5"], "hostname": "db-0", "conditions": {"ready": True}},
            {"addresses": ["10.233.65.6"], "conditions": {"ready": True}},
            {"addresses": ["10.233.65.7"], "hostname": "db-2", "conditions": {"ready": False}},
        ],
    },
    EndpointSlice,
)
ALIAS = view_service("alias", type="ExternalName", externalName="Example.com")


@pytest.fixture
def zone() -> Zone:
    zone = Zone(DOMAIN, has_namespace=lambda name: name in {"shop", "empty"})
    for subject, slices in ((WEB, []), (DB, [DB_SLICE]), (ALIAS, [])):
        zone.set_service(subject.key, *records.make_service_records(subject, slices, DOMAIN))
    return zone


def ask(zone: Zone, name: str, kind: str = "A") -> tuple[int, list[str]]:
    """rcode and answers as text, over the whole way of bytes."""
    resolver = Resolver(zone, Forwarder([]))
    resolver.ready = True
    data = asyncio.run(resolver.respond(bytes(dnslib.DNSRecord.question(name, kind).pack()), tcp=True))
    assert data is not None
    reply = dnslib.DNSRecord.parse(data)
    assert bool(reply.auth) == (not reply.rr)
    return reply.header.rcode, [str(entry.rdata) for entry in reply.rr]


def test_a_service_has_its_cluster_ip(zone: Zone) -> None:
    assert ask(zone, "web.shop.svc.cluster.local") == (0, ["10.233.0.10"])
    assert ask(zone, "WEB.shop.svc.Cluster.Local.") == (0, ["10.233.0.10"])


def test_a_name_without_records_of_the_type_is_no_data_and_not_missing(zone: Zone) -> None:
    assert ask(zone, "web.shop.svc.cluster.local", "AAAA") == (0, [])
    assert ask(zone, "_tcp.web.shop.svc.cluster.local") == (0, [])
    assert ask(zone, "shop.svc.cluster.local") == (0, [])
    assert ask(zone, "empty.svc.cluster.local") == (0, [])
    assert ask(zone, "cluster.local", "AAAA") == (0, [])


def test_a_name_that_is_not_there_is_nxdomain_with_an_soa(zone: Zone) -> None:
    assert ask(zone, "nothing.shop.svc.cluster.local") == (3, [])
    assert ask(zone, "web.other.svc.cluster.local") == (3, [])
    assert ask(zone, "google.com.cluster.local") == (3, [])


def test_named_ports_have_srv_records(zone: Zone) -> None:
    assert ask(zone, "_http._tcp.web.shop.svc.cluster.local", "SRV") == (
        0,
        ["0 100 80 web.shop.svc.cluster.local."],
    )


def test_a_headless_service_names_its_ready_endpoints(zone: Zone) -> None:
    assert ask(zone, "db.shop.svc.cluster.local") == (0, ["10.233.64.5", "10.233.65.6"])
    assert ask(zone, "db-0.db.shop.svc.cluster.local") == (0, ["10.233.64.5"])
    assert ask(zone, "10-233-65-6.db.shop.svc.cluster.local") == (0, ["10.233.65.6"])
    assert ask(zone, "db-2.db.shop.svc.cluster.local") == (3, [])
    _, answers = ask(zone, "_sql._tcp.db.shop.svc.cluster.local", "SRV")
    assert answers[0] == "0 100 5432 db-0.db.shop.svc.cluster.local."


def test_addresses_not_ready_are_published_on_demand() -> None:
    subject = view_service("db", clusterIP="None", publishNotReadyAddresses=True)
    forward, _ = records.make_service_records(subject, [DB_SLICE], DOMAIN)
    assert "db-2.db.shop.svc.cluster.local" in forward


def test_reverse_names(zone: Zone) -> None:
    assert ask(zone, "10.0.233.10.in-addr.arpa", "PTR") == (0, ["web.shop.svc.cluster.local."])
    assert ask(zone, "5.64.233.10.in-addr.arpa", "PTR") == (0, ["db-0.db.shop.svc.cluster.local."])


def test_external_name_is_an_alias(zone: Zone) -> None:
    assert ask(zone, "alias.shop.svc.cluster.local") == (0, ["example.com."])


def test_pod_names_say_their_address(zone: Zone) -> None:
    assert ask(zone, "10-1-2-3.shop.pod.cluster.local") == (0, ["10.1.2.3"])
    assert ask(zone, "10-1-2.shop.pod.cluster.local") == (3, [])
    assert ask(zone, "10-1-2-3.other.pod.cluster.local") == (3, [])


def test_the_schema_version(zone: Zone) -> None:
    assert ask(zone, "dns-version.cluster.local", "TXT") == (0, ['"1.1.0"'])


def test_a_service_that_goes_takes_its_names_with_it(zone: Zone) -> None:
    zone.set_service("shop/web", {}, {})
    assert ask(zone, "web.shop.svc.cluster.local") == (3, [])
    assert ask(zone, "db.shop.svc.cluster.local")[0] == 0


def test_an_answer_too_long_for_udp_is_truncated(zone: Zone) -> None:
    forward = {f"big.shop.svc.{DOMAIN}": [records.Record("A", f"10.0.{i}.1") for i in range(100)]}
    zone.set_service("shop/big", forward, {})
    question = message.parse(bytes(dnslib.DNSRecord.question("big.shop.svc.cluster.local").pack()))
    reply = message.make_authoritative_reply(question, zone.lookup(question.name, "A"), DOMAIN, 1)
    short = dnslib.DNSRecord.parse(message.pack_udp(reply, question))
    assert (short.header.tc, short.rr) == (1, [])


def test_answers_given_before_carry_the_new_question_s_id(zone: Zone) -> None:
    async def twice() -> None:
        resolver = Resolver(zone, Forwarder([]))
        resolver.ready = True
        first = bytes(dnslib.DNSRecord.question("web.shop.svc.cluster.local").pack())
        assert resolver.get_cached(first) is None
        respond = await resolver.respond(first, tcp=False)
        assert respond is not None
        assert resolver.get_cached(b"\x12\x34" + first[2:]) == b"\x12\x34" + respond[2:]
        zone.set_service("shop/web", {}, {})
        assert resolver.get_cached(first) is None

    asyncio.run(twice())


def test_until_the_zone_is_filled_names_in_it_fail() -> None:
    resolver = Resolver(Zone(DOMAIN), Forwarder([]))
    data = asyncio.run(
        resolver.respond(bytes(dnslib.DNSRecord.question("web.shop.svc.cluster.local").pack()), tcp=False)
    )
    assert data is not None
    assert dnslib.DNSRecord.parse(data).header.rcode == dnslib.RCODE.SERVFAIL


def test_other_names_are_asked_of_the_next_server_over_udp_and_tcp(zone: Zone) -> None:
    async def chain() -> None:
        upstream = Resolver(zone, Forwarder([]))
        upstream.ready = True
        behind = DnsServer(upstream, "127.0.0.1", 0)
        await behind.start()
        forwarder = Forwarder(["127.0.0.1"], port=behind.port)
        front = Resolver(Zone("other.local"), forwarder)
        question = bytes(dnslib.DNSRecord.question("web.shop.svc.cluster.local").pack())
        for tcp in (False, True):
            respond = await front.respond(question, tcp=tcp)
            assert respond is not None
            assert respond[:2] == question[:2]
            assert str(dnslib.DNSRecord.parse(respond).rr[0].rdata) == "10.233.0.10"
        await behind.stop()
        assert await front.respond(question, tcp=False) is not None

    asyncio.run(chain())


def test_answers_are_kept_as_long_as_they_say() -> None:
    record = dnslib.DNSRecord.question("a.example").reply()
    assert get_cache_seconds(bytes(record.pack())) == 5
    record.add_answer(dnslib.RR("a.example", rdata=dnslib.A("1.2.3.4"), ttl=7))
    assert get_cache_seconds(bytes(record.pack())) == 7
    record.header.rcode = dnslib.RCODE.SERVFAIL
    assert get_cache_seconds(bytes(record.pack())) == 0
