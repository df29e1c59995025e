"""Values in etcd that another program wrote are read as Go reads them, or give an error, but stop no server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.servers import ApiServer, Etcd, running

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
METADATA = '"metadata":{"name":"%s","namespace":"default"%s}'


@pytest.fixture(scope="module")
def etcd_and_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Etcd, ApiServer]]:
    with running(tmp_path_factory.mktemp("foreign"), "--disable-admission-plugins=ServiceAccount") as found:
        yield found


def written(kind: str, name: str, more: str, metadata: str = "") -> bytes:
    return f'{{"kind":"{kind}","apiVersion":"v1",{METADATA % (name, metadata)}{more}}}'.encode()


@pytest.mark.parametrize("content_type", [MERGE, STRATEGIC])
@pytest.mark.parametrize(
    ("name", "metadata"),
    [
        ("labels", ',"labels":null,"annotations":{"a":null}'),
        ("times", ',"creationTimestamp":null,"deletionTimestamp":null'),
        ("lists", ',"ownerReferences":null,"finalizers":null,"managedFields":null'),
    ],
)
def test_nulls_of_metadata_are_nothing(
    etcd_and_server: tuple[Etcd, ApiServer], name: str, metadata: str, content_type: str
) -> None:
    etcd, server = etcd_and_server
    name += content_type[12]
    etcd.put(f"/registry/configmaps/default/{name}", written("ConfigMap", name, ',"data":null', metadata))
    change = {"metadata": {"labels": {"x": "y"}}, "data": {"a": "b"}}
    changed = server.ask("PATCH", f"{MAPS}/{name}", change, content_type=content_type)
    assert changed.status == 200, changed.body
    assert changed.json["metadata"]["labels"] == {"x": "y"}
    put = server.ask("PUT", f"{MAPS}/{name}", changed.json)
    assert put.status == 200, put.body
    assert server.ask("DELETE", f"{MAPS}/{name}").status == 200


def test_nulls_in_lists_and_maps_are_zeros_and_defaults_are_there(
    etcd_and_server: tuple[Etcd, ApiServer],
) -> None:
    etcd, server = etcd_and_server
    spec = ',"spec":{"containers":[{"name":"c","image":"i","env":[null],"args":null}],"volumes":null},"status":null'
    etcd.put("/registry/pods/default/nulls", written("Pod", "nulls", spec))
    pod = server.get(f"{PODS}/nulls").json
    assert pod["spec"]["containers"][0]["env"] == [{"name": ""}]
    assert pod["spec"]["dnsPolicy"] == "ClusterFirst"
    assert "volumes" not in pod["spec"]
    change = {"metadata": {"labels": {"x": "y"}}}
    refused = server.ask("PATCH", f"{PODS}/nulls", change, content_type=MERGE)
    # Not the null is wrong, but the variable without a name.
    assert (refused.status, refused.json["details"]["causes"][0]["field"]) == (
        422,
        "spec.containers[0].env[0].name",
    )


def test_rules_of_null_grant_nothing_and_end_nothing(etcd_and_server: tuple[Etcd, ApiServer]) -> None:
    etcd, server = etcd_and_server
    for name, rules in (("a", "[null]"), ("b", '[{"verbs":null,"resources":[null]}]'), ("c", "null")):
        value = written("Role", name, f',"rules":{rules}').replace(b'"v1"', b'"rbac.authorization.k8s.io/v1"')
        etcd.put(f"/registry/roles/default/{name}", value)
    assert server.get("/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/a").json["rules"] == [
        {"verbs": None}
    ]
    assert server.get("/readyz").status == 200


def _told(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json["reason"]


@pytest.mark.parametrize(
    "value", [b"[]", b"hello", b"", b"k8s\x00\xff\xff", b'{"spec":1}', b'{"kind":"Pod"}']
)
def test_a_stored_value_that_is_not_an_object_gives_an_internal_error(
    etcd_and_server: tuple[Etcd, ApiServer], value: bytes
) -> None:
    etcd, server = etcd_and_server
    key, path = "/registry/limitranges/default/bad", "/api/v1/namespaces/default/limitranges"
    etcd.put(key, value)
    try:
        assert _told(server.get(f"{path}/bad")) == (500, "InternalError")
        assert _told(server.get(path)) == (500, "InternalError")
        change = server.ask("PATCH", f"{path}/bad", {"metadata": {"labels": {"x": "y"}}}, content_type=MERGE)
        assert _told(change) == (500, "InternalError")
    finally:
        etcd.delete(key)
    assert server.get("/readyz").status == 200
    assert server.get(f"{path}?limit=1").status == 200
    assert "did not expect" not in server.log()


def test_a_value_of_null_is_an_object_of_its_keys_name(etcd_and_server: tuple[Etcd, ApiServer]) -> None:
    etcd, server = etcd_and_server
    etcd.put("/registry/configmaps/default/nothing", b"null")
    assert server.get(f"{MAPS}/nothing").json["metadata"]["name"] == "nothing"
    change = {"data": {"a": "b"}}
    assert server.ask("PATCH", f"{MAPS}/nothing", change, content_type=MERGE).status == 200


def test_a_null_among_bytes_is_none_of_them(etcd_and_server: tuple[Etcd, ApiServer]) -> None:
    _, server = etcd_and_server
    made = server.post(MAPS, {"metadata": {"name": "bytes"}, "binaryData": {"a": None}})
    assert (made.status, made.json["binaryData"]) == (201, {"a": ""})


def test_an_address_that_was_wrong_before_may_stay(etcd_and_server: tuple[Etcd, ApiServer]) -> None:
    etcd, server = etcd_and_server
    spec = (
        ',"spec":{"clusterIP":"010.096.0.9","clusterIPs":["010.096.0.9"],"ipFamilies":["IPv4"],'
        '"ipFamilyPolicy":"SingleStack","ports":[{"port":80}],"selector":{"a":"b"}}'
    )
    etcd.put("/registry/services/specs/default/old", written("Service", "old", spec))
    path = "/api/v1/namespaces/default/services/old"
    changed = server.ask("PATCH", path, {"spec": {"selector": {"a": "c"}}}, content_type=MERGE)
    assert changed.status == 200, changed.body
