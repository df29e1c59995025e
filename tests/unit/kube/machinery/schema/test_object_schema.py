from typing import Any

import orjson
import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource, list_resources
from kprov.kube.machinery.schema import object_schema

Gvk = tuple[str, str, str]


DEPLOYMENT = ("apps", "v1", "Deployment")
POD = ("", "v1", "Pod")


def deployment(**spec: Any) -> JsonObject:
    template = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"template": template, **spec},
    }


def check(obj: JsonObject, gvk: Gvk = DEPLOYMENT, *, strict: bool = True) -> str | None:
    return object_schema.builtin().check(obj, gvk).bad_request_text(gvk, strict=strict)


@pytest.mark.parametrize("resource", list_resources(), ids=lambda each: each.group_resource)
def test_every_served_kind_has_a_definition(resource: Resource) -> None:
    assert object_schema.builtin().knows(resource.gvk)


def test_the_schema_accepts_a_valid_object() -> None:
    assert check(deployment(replicas=3)) is None


def test_the_schema_rejects_a_wrong_type_with_gos_message() -> None:
    assert check(deployment(replicas="3")) == (
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into '
        "Go struct field DeploymentSpec.spec.replicas of type int32"
    )


def test_unknown_fields_are_rejected_only_if_strict() -> None:
    obj = deployment(foo=1)
    obj["spec"]["template"]["spec"]["containers"][0]["bar"] = 2
    assert check(obj, strict=False) is None
    assert check(obj) == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
        'unknown field "spec.foo", unknown field "spec.template.spec.containers[0].bar"'
    )


def test_the_schema_rejects_an_invalid_quantity() -> None:
    obj = {"spec": {"containers": [{"resources": {"limits": {"cpu": "much"}}}]}}
    assert "quantities must match the regular expression" in str(check(obj, POD))


def test_duplicate_fields_are_found_in_the_body() -> None:
    body = b'{"metadata":{"name":"a","name":"b"},"spec":{"replicas":1,"replicas":2}}'
    report = object_schema.builtin().check(orjson.loads(body), DEPLOYMENT, body)
    assert report.warnings == ['duplicate field "metadata.name"', 'duplicate field "spec.replicas"']


def test_strict_errors_have_the_order_of_the_body() -> None:
    body = b"""{"foo":{"a":1,"a":2},"foo":1,"metadata":{"name":"a","x\\"y":1,"name":"b"},
        "spec":{"replicas":1,"bar":2,"replicas":2}}"""
    report = object_schema.builtin().check(orjson.loads(body), DEPLOYMENT, body)
    assert report.warnings == [
        'unknown field "foo"',
        r'unknown field "metadata.x\"y"',
        'duplicate field "metadata.name"',
        'unknown field "spec.bar"',
        'duplicate field "spec.replicas"',
    ]


def test_white_space_in_the_body_is_no_duplicate_field() -> None:
    body = b'{ "metadata": { "name": "a" } }'
    assert object_schema.builtin().check(orjson.loads(body), DEPLOYMENT, body).strict_errors == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"metadata":{"name":"a","name":"x\\u003Ay"}}',
        b'{"metadata":{"name":"a","name":"x\\u003ay"}}',
        b'{"metadata":{"name" : "x:y", "name":"a"}}',
        b'{"metadata":{"name":"a","na\\u006de":"b"}}',
    ],
)
def test_duplicate_fields_are_found_next_to_colons_and_escapes(body: bytes) -> None:
    report = object_schema.builtin().check(orjson.loads(body), DEPLOYMENT, body)
    assert report.strict_errors == ['duplicate field "metadata.name"']


def test_pruning_leaves_what_go_encodes() -> None:
    obj = {
        "metadata": {"name": "a", "creationTimestamp": None, "labels": {"a": None}},
        "foo": 1,
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "0.5", "memory": 1024}}}]},
    }
    object_schema.builtin().prune(obj, POD)
    assert obj == {
        "metadata": {"name": "a", "labels": {"a": ""}},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "1024"}}}]},
    }


def test_merge_keys_are_known_along_a_path() -> None:
    builtin = object_schema.builtin()
    assert builtin.merge_key(POD, "spec", "containers") == "name"
    assert builtin.merge_key(POD, "spec", "containers", "ports") == "containerPort"
    assert builtin.merge_key(POD, "spec", "nodeSelector") is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1500u", "2m"),
        ("1", "1"),
        ("0.5", "500m"),
        ("1500m", "1500m"),
        ("100n", "1m"),
        ("1.0001", "1001m"),
        ("1Ki", "1Ki"),
    ],
)
def test_quantities_of_resource_lists_are_rounded_up_to_thousandths(given: str, kept: str) -> None:
    pod: JsonObject = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": given}}}]}}
    object_schema.builtin().prune(pod, POD)
    assert pod["spec"]["containers"][0]["resources"]["limits"]["cpu"] == kept


def test_other_quantities_are_not_rounded() -> None:
    gvk = ("resource.k8s.io", "v1", "ResourceSlice")
    device: JsonObject = {"name": "d", "capacity": {"a": {"value": "1500u"}}}
    found: JsonObject = {"spec": {"devices": [device]}}
    object_schema.builtin().prune(found, gvk)
    assert found["spec"]["devices"][0]["capacity"]["a"]["value"] == "1500u"


def test_at_most_a_hundred_unknown_fields_are_reported() -> None:
    body = orjson.dumps({**deployment(), "spec": {f"f{number}": 1 for number in range(150)}})
    report = object_schema.builtin().check(orjson.loads(body), DEPLOYMENT, body)
    assert report.warnings == [f'unknown field "spec.f{number}"' for number in range(100)]


def test_a_hundred_unknown_fields_are_reported_in_the_order_of_the_body_and_all_are_removed() -> None:
    body = orjson.dumps({"data": {"a": "b"}, **{f"f{number}": 1 for number in range(50_000, 0, -1)}})
    document = orjson.loads(body)
    report = object_schema.builtin().prune(document, ("", "v1", "ConfigMap"), body)
    assert document == {"data": {"a": "b"}}
    assert report.strict_errors == [f'unknown field "f{number}"' for number in range(50_000, 49_900, -1)]


def test_a_hundred_duplicate_fields_are_reported() -> None:
    body = b'{"data":{%b}}' % b",".join(b'"k%d":"a","k%d":"b"' % (number, number) for number in range(1_000))
    report = object_schema.builtin().prune(orjson.loads(body), ("", "v1", "ConfigMap"), body)
    assert report.strict_errors == [f'duplicate field "data.k{number}"' for number in range(100)]
