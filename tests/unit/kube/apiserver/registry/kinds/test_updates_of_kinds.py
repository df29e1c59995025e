"""What of small kinds an update may change."""

from __future__ import annotations

import base64

import pytest

from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import find


def strategy(group: str, plural: str) -> Strategy:
    resource = find(group, "v1", plural)
    assert resource is not None
    return find_strategy(resource)


def told(group: str, plural: str, new: JsonObject, old: JsonObject) -> list[str]:
    objects = [{"metadata": {"name": "10.0.0.1"}, **each} for each in (new, old)]
    return [error.field for error in strategy(group, plural).validate_update(*objects)]


@pytest.mark.parametrize(
    ("new", "fields"),
    [
        (["10.0.0.0/16"], []),
        (["10.1.0.0/16"], ["spec.cidrs[0]"]),
        (["10.0.0.0/16", "fd00::/64"], []),
        (["10.0.0.0/16", "10.1.0.0/16"], ["spec.cidrs"]),
        ([], ["spec.cidrs"]),
    ],
)
def test_a_service_range_may_only_gain_the_other_family(new: list[str], fields: list[str]) -> None:
    before = {"spec": {"cidrs": ["10.0.0.0/16"]}}
    assert told("networking.k8s.io", "servicecidrs", {"spec": {"cidrs": new}}, before) == fields


def test_what_may_not_change_is_judged_as_new_too() -> None:
    good: JsonObject = {"provisioner": "a/b", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}
    wrong = good | {"reclaimPolicy": "Keep"}
    assert told("storage.k8s.io", "storageclasses", wrong, good) == ["reclaimPolicy"] * 2
    parent = {"spec": {"parentRef": {"resource": "services", "name": "x"}}}
    fields = told(
        "networking.k8s.io", "ipaddresses", {"spec": {"parentRef": {"resource": "services"}}}, parent
    )
    assert fields == ["spec.parentRef.name", "spec.parentRef"]


def test_an_empty_topology_is_a_double_of_each_place() -> None:
    good: JsonObject = {"provisioner": "a/b", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}
    fields = told("storage.k8s.io", "storageclasses", good | {"allowedTopologies": [{}, {}]}, good)
    places = [f"allowedTopologies[{index}].matchLabelExpressions" for index in (0, 0, 1, 1, 1)]
    assert fields == places


def test_a_topology_that_is_dropped_counts_as_a_change_of_a_slice() -> None:
    slices = strategy("discovery.k8s.io", "endpointslices")
    resource = find("discovery.k8s.io", "v1", "endpointslices")
    assert resource is not None
    old: JsonObject = {"metadata": {"name": "a", "generation": 1}, "endpoints": [{"addresses": ["1.2.3.4"]}]}
    new: JsonObject = {
        "metadata": {"name": "a", "generation": 1},
        "endpoints": [{"addresses": ["1.2.3.4"], "deprecatedTopology": {"a": "b"}}],
    }
    slices.prepare_for_update(make_system_context("update", resource), new, old)
    assert (new["metadata"]["generation"], new["endpoints"]) == (2, old["endpoints"])


@pytest.mark.parametrize(
    ("certificate", "key", "warned"),
    [("x", "-----BEGIN KEY", "certificate"), ("-----BEGIN CERTIFICATE", "x", "key")],
)
def test_a_certificate_that_is_none_is_warned_of(certificate: str, key: str, warned: str) -> None:
    data = {"tls.crt": certificate, "tls.key": key}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
    secret = {"metadata": {"name": "a"}, "type": "kubernetes.io/tls", "data": encoded}
    assert strategy("", "secrets").find_warnings(secret, None) == [
        f"tls: failed to find any PEM data in {warned} input"
    ]


def test_a_pods_tolerations_are_reported_once_and_its_changes_give_no_warning() -> None:
    pods = strategy("", "pods")
    containers = [{"name": "c", "image": "i"}]
    tolerations = [{"key": key, "operator": "Exists"} for key in ("a", "b")]
    old: JsonObject = {
        "metadata": {"name": "a"},
        "spec": {"containers": containers, "tolerations": tolerations},
    }
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    new: JsonObject = {
        "metadata": {"name": "a"},
        "spec": {"containers": containers, "topologySpreadConstraints": [constraint]},
    }
    for pod in (old, new):
        pods.default(pod)
    fields = [error.field for error in pods.validate_update(new, old)]
    assert fields == ["spec.tolerations", "spec"]
    assert pods.find_warnings(new, None)
    assert pods.find_warnings(new, old) == []
