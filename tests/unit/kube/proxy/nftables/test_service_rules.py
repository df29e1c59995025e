from pathlib import Path

import msgspec

from kprov.kube.api.core import Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.proxy.nftables import base_table, transactions
from kprov.kube.proxy.nftables.transactions import Tables
from kprov.kube.proxy.state import State

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = base_table.RuleSettings(cluster_cidr="10.233.64.0/18")


def service(**spec: object) -> Service:
    document = {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "10.233.0.10",
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "nodePort": spec.pop("nodePort", 0)}],
        }
        | spec,
    }
    return msgspec.convert(document, Service)


def slice_of(*endpoints: dict[str, object], protocol: str = "TCP") -> EndpointSlice:
    return msgspec.convert(
        {
            "metadata": {
                "namespace": "shop",
                "name": "web-1",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 8080, "protocol": protocol}],
            "endpoints": list(endpoints),
        },
        EndpointSlice,
    )


def endpoint(ip: str, node: str = "n2", **conditions: bool) -> dict[str, object]:
    return {"addresses": [ip], "nodeName": node, "conditions": conditions or {"ready": True}}


def state_of(subject: Service | None, *slices: EndpointSlice) -> State:
    return State(
        settings=SETTINGS, node_name="n1", get_service=lambda _: subject, get_slices=lambda _: slices
    )


def tables_of(subject: Service, *slices: EndpointSlice) -> Tables:
    state = state_of(subject, *slices)
    state.update(["shop/web"], ("10.70.0.11",), "")
    return state.desired(["10.70.0.11"])


def golden(name: str, tables: Tables) -> None:
    text = transactions.render_replacement("ip", base_table.render_base_table(SETTINGS), tables).text
    assert text == (GOLDEN / f"{name}.nft").read_text()


def test_cluster_ip_spreads_over_the_endpoints() -> None:
    golden(
        "cluster_ip", tables_of(service(), slice_of(endpoint("10.233.65.2"), endpoint("10.233.64.2", "n1")))
    )


def test_node_port_with_policy_local_and_affinity() -> None:
    subject = service(
        type="NodePort",
        nodePort=30080,
        externalTrafficPolicy="Local",
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}},
    )
    golden(
        "node_port_local",
        tables_of(subject, slice_of(endpoint("10.233.65.2"), endpoint("10.233.64.2", "n1"))),
    )


def test_a_service_without_endpoints_is_refused() -> None:
    tables = tables_of(service(type="NodePort", nodePort=30080))
    assert tables.elements[base_table.NO_ENDPOINT_SERVICES] == {"10.233.0.10 . tcp . 80": "goto reject-chain"}
    assert tables.elements[base_table.NO_ENDPOINT_NODEPORTS] == {"tcp . 30080": "goto reject-chain"}
    assert base_table.SERVICE_IPS not in tables.elements
    assert tables.chains == {}


def test_policy_local_without_local_endpoint_drops_and_still_serves_the_node_itself() -> None:
    subject = service(type="NodePort", nodePort=30080, externalTrafficPolicy="Local")
    tables = tables_of(subject, slice_of(endpoint("10.233.65.2", "n2")))
    assert tables.elements[base_table.NO_ENDPOINT_NODEPORTS] == {"tcp . 30080": "drop"}
    external = next(rules for name, rules in tables.chains.items() if name.startswith("external-"))
    assert any(rule.startswith("fib saddr type local goto service-") for rule in external)


def test_an_endpoint_that_terminates_serves_only_when_no_other_does() -> None:
    dying = endpoint("10.1.0.2", ready=False, serving=True, terminating=True)
    both = tables_of(service(), slice_of(endpoint("10.1.0.1"), dying))
    alone = tables_of(service(), slice_of(dying))
    assert "10.1.0.2" not in str(both.chains)
    assert "10.1.0.2" in str(alone.chains)


def test_zone_hints_keep_traffic_in_the_zone_when_all_have_them() -> None:
    near = endpoint("10.1.0.1") | {"hints": {"forZones": [{"name": "a"}]}}
    far = endpoint("10.1.0.2") | {"hints": {"forZones": [{"name": "b"}]}}
    state = state_of(service(), slice_of(near, far))
    state.update(["shop/web"], (), "a")
    assert "10.1.0.2" not in str(state.desired([]).chains)
    state.update(["shop/web"], (), "")
    assert "10.1.0.2" in str(state.desired([]).chains)


def test_headless_and_external_name_services_have_no_rules() -> None:
    assert tables_of(service(clusterIP="None")).elements.keys() == {base_table.NODEPORT_IPS}
    assert tables_of(service(type="ExternalName", clusterIP="")).elements.keys() == {base_table.NODEPORT_IPS}


def test_only_what_changed_is_written() -> None:
    before = tables_of(service(), slice_of(endpoint("10.1.0.1")))
    after = tables_of(service(), slice_of(endpoint("10.1.0.1"), endpoint("10.1.0.2")))
    assert transactions.render_difference("ip", before, before).text == ""
    text = transactions.render_difference("ip", before, after).text
    assert "element" not in text
    assert text.count("add rule") == 1


def test_the_chains_of_a_deleted_service_are_emptied_first_and_deleted_later() -> None:
    before = tables_of(service(), slice_of(endpoint("10.1.0.1")))
    transaction = transactions.render_difference("ip", before, Tables())
    (chain,) = transaction.stale_chains
    assert f"flush chain ip kube-proxy {chain}" in transaction.text
    assert "delete element ip kube-proxy service-ips { 10.233.0.10 . tcp . 80 }" in transaction.text
    assert "delete chain" not in transaction.text


def test_udp_clients_of_an_endpoint_that_went_are_forgotten() -> None:
    subject = service(ports=[{"name": "http", "port": 53, "protocol": "UDP"}])
    slices = [slice_of(endpoint("10.1.0.1"), protocol="UDP")]
    state = State(
        settings=SETTINGS, node_name="n1", get_service=lambda _: subject, get_slices=lambda _: slices
    )
    assert state.update(["shop/web"], (), "") == {"10.233.0.10"}
    slices[0] = slice_of(endpoint("10.1.0.2"), protocol="UDP")
    assert state.update(["shop/web"], (), "") == {"10.233.0.10 via 10.1.0.1"}
