"""What a service keeps, gives up and is refused when its type, addresses or families change."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.registry.core.service import ip_families, update
from kprov.kube.apiserver.registry.core.service import validation as rules
from kprov.kube.machinery.json_object import JsonObject

ONE: JsonObject = {"type": "ClusterIP", "clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"]}
HEADLESS: JsonObject = {"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ["10.0.0.9"]),
        ({"clusterIP": "10.0.0.9"}, ["10.0.0.9"]),
        ({"clusterIP": "10.0.0.7"}, ["10.0.0.7"]),
        ({"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.9"]}, ["10.0.0.7"]),
        ({"clusterIP": "None"}, ["None"]),
        ({"clusterIP": "None", "clusterIPs": ["10.0.0.9"]}, ["None"]),
    ],
)
def test_the_addresses_follow_the_one_that_was_changed(change: JsonObject, expected: list[str]) -> None:
    spec = {"type": "ClusterIP", **change}
    update.keep_allocated(spec, ONE)
    update.normalize_cluster_ips(spec, ONE)
    assert spec["clusterIPs"] == expected


def test_node_ports_stay_with_the_names_of_their_ports() -> None:
    old = {"type": "NodePort", "ports": [port("a", 80, 30001), port("b", 81, 30002)]}
    spec: JsonObject = {"type": "NodePort", "ports": [port("b", 90), port("a", 80), port("c", 82)]}
    update.keep_allocated(spec, old)
    assert [each.get("nodePort") for each in spec["ports"]] == [30002, 30001, None]


def test_a_node_port_that_another_port_uses_is_not_kept() -> None:
    old = {"type": "NodePort", "ports": [port("a", 80, 30001), port("b", 81, 30002)]}
    spec: JsonObject = {"type": "NodePort", "ports": [port("a", 80, 30002), port("b", 81)]}
    update.keep_allocated(spec, old)
    assert [each.get("nodePort") for each in spec["ports"]] == [30002, None]


def port(name: str, number: int, node_port: int = 0) -> JsonObject:
    made: JsonObject = {"name": name, "port": number, "protocol": "TCP"}
    return {**made, "nodePort": node_port} if node_port else made


@pytest.mark.parametrize(("kept", "dropped"), [([30001], True), ([], True), ([30001, 30009], False)])
def test_node_ports_go_with_the_type_when_none_is_new(kept: list[int], dropped: bool) -> None:
    old = {"type": "NodePort", "ports": [port("a", 80, 30001), port("b", 81, 30002)]}
    spec: JsonObject = {"type": "ClusterIP", "ports": [port("x", 80, number) for number in kept]}
    update.drop_type_dependent(spec, old)
    assert any("nodePort" in each for each in spec["ports"]) is not dropped


@pytest.mark.parametrize(
    ("spec", "old", "policy", "wanted"),
    [
        ({"type": "ClusterIP"}, None, "SingleStack", ["IPv4"]),
        ({"type": "ClusterIP", "ipFamilyPolicy": "PreferDualStack"}, None, "PreferDualStack", ["IPv4", "IPv6"]),
        ({"type": "ClusterIP", "clusterIPs": ["fd00::1"], "clusterIP": "fd00::1"}, None, "SingleStack", ["IPv6"]),
        (HEADLESS, None, "RequireDualStack", ["IPv4", "IPv6"]),
        ({**HEADLESS, "selector": {"a": "b"}}, None, "SingleStack", ["IPv4"]),
        ({**ONE, "ipFamilies": ["IPv4"]}, {**ONE, "ipFamilyPolicy": "SingleStack"}, "SingleStack", ["IPv4"]),
    ],
)  # fmt: skip
def test_families_are_filled_in(
    spec: JsonObject, old: JsonObject | None, policy: str, wanted: list[str]
) -> None:
    given = dict(spec)
    assert ip_families.fill_ip_families(given, old, ["IPv4", "IPv6"], "IPv4") == []
    assert (given["ipFamilyPolicy"], given["ipFamilies"]) == (policy, wanted)


TWO: JsonObject = {
    "type": "ClusterIP",
    "clusterIP": "10.0.0.9",
    "clusterIPs": ["10.0.0.9", "fd00::9"],
    "ipFamilies": ["IPv4", "IPv6"],
    "ipFamilyPolicy": "RequireDualStack",
}


def test_the_second_family_goes_with_the_policy() -> None:
    spec = {**TWO, "ipFamilyPolicy": "SingleStack"}
    assert ip_families.fill_ip_families(spec, TWO, ["IPv4", "IPv6"], "IPv4") == []
    assert (spec["clusterIPs"], spec["ipFamilies"]) == (["10.0.0.9"], ["IPv4"])


@pytest.mark.parametrize(
    ("change", "known", "field", "words"),
    [
        ({"clusterIPs": ["10.0.0.9"], "ipFamilies": ["IPv4"]}, 2, "spec.ipFamilyPolicy",
         "must be 'SingleStack' to release the secondary"),
        ({"ipFamilies": ["IPv6", "IPv6"]}, 2, "spec.ipFamilies[1]", "Duplicate value"),
        ({"clusterIPs": ["10.0.0.8", "fd00::9"]}, 2, "spec.clusterIPs", "first value must match `clusterIP`"),
        ({}, 1, "spec.ipFamilyPolicy", "this cluster is not configured for dual-stack services"),
    ],
)  # fmt: skip
def test_wrong_ip_families_are_rejected_before_an_address_is_allocated(
    change: JsonObject, known: int, field: str, words: str
) -> None:
    errors = ip_families.fill_ip_families({**TWO, **change}, TWO, ["IPv4", "IPv6"][:known], "IPv4")
    assert errors[0].field == field
    assert words in errors[0].message


def test_an_address_given_to_a_headless_service_is_refused_as_a_change() -> None:
    old = {"metadata": {}, "spec": {**HEADLESS, "ports": [port("a", 80)]}}
    new = {"metadata": {}, "spec": {**ONE, "sessionAffinity": "None", "ports": []}}
    first = next(iter(rules.validate_service_update(new, old)))
    assert (first.field, first.message) == (
        "spec.clusterIPs[0]",
        'Invalid value: ["10.0.0.9"]: may not change once set',
    )
